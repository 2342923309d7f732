"""Which images are compared with the query pixel by pixel."""

from dataclasses import replace

from ambience.core.features import ImageId
from ambience.core.matches import Answer, Match
from ambience.search.same_pixels import candidates
from tests.fusion.curves import EVIDENCE


def hashed(image_id: int, distance: float, orientation: str = "upright") -> Match:
    return Match(ImageId(image_id), distance, {"orientation": orientation})


def test_those_that_are_near_as_they_stand_each_once_and_in_order() -> None:
    """Whichever services compare wholes and say how near equal pixels are."""
    evidence = {
        **EVIDENCE,
        "other": replace(EVIDENCE["phash"], same_pixels_within=1.0),
    }
    answers = {
        "phash": Answer((hashed(5, 0), hashed(2, 16), hashed(3, 17), hashed(4, 0))),
        "other": Answer((hashed(2, 0.5), hashed(9, 1), hashed(8, 2))),
        "color": Answer((Match(ImageId(7), 0.0),)),
        "smell": Answer((Match(ImageId(6), 0.0),)),
    }
    assert candidates(answers, evidence) == [5, 2, 4, 9]


def test_one_that_is_mirrored_has_other_pixels() -> None:
    answers = {"phash": Answer((hashed(1, 0, "mirrored"), hashed(2, 0, "rotated_180")))}
    assert candidates(answers, EVIDENCE) == []
