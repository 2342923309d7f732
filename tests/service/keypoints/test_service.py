"""What is added is found, with proof; what is removed is not; wrong wishes are told."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ambience.core.errors import BadParameterError, NotFoundError
from ambience.core.features import Image, ImageId
from ambience.core.geometry import mapped
from ambience.core.keypoints import unpack
from ambience.service import SearchRequest
from ambience.service.keypoints import KeypointService
from tests.engine.embedded_parts import collection_of, store_of
from tests.service.keypoints.house import (
    BLANK,
    COUNT,
    IDS,
    SIZE,
    add,
    crop,
    ids,
    image,
    mirrored,
    nearest,
    opened,
)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeypointService]:
    """A service that tests only search."""
    with opened(tmp_path_factory.mktemp("data")) as service:
        add(service, IDS)
        yield service


@pytest.fixture
def service(tmp_path: Path) -> Iterator[KeypointService]:
    with opened(tmp_path) as service:
        add(service, range(4))
        yield service


@pytest.mark.parametrize("query_of", [image, crop, mirrored])
def test_an_image_a_part_and_its_mirror_image_find_it(
    filled: KeypointService, query_of: Callable[[int], Image]
) -> None:
    for seed in (0, COUNT - 1):
        match = filled.search(query_of(seed), SearchRequest(k=3)).matches[0]
        assert match.image_id == seed
        assert match.distance < 0.01
        assert match.details["mirrored"] == (query_of is mirrored)


def test_a_match_says_where_it_is(filled: KeypointService) -> None:
    (match, *_) = filled.search(crop(3), SearchRequest(k=1)).matches
    told = match.details
    assert told["query_overlap"] == pytest.approx(1, abs=0.02)
    assert told["image_overlap"] == pytest.approx(32 * 44 / (48 * 64), abs=0.02)
    there = mapped(np.array(told["transform"]), np.array([(0.0, 0.0), (44, 32)]))
    np.testing.assert_allclose(there, [(20, 16), (64, 48)], atol=0.5)
    assert "points" not in told
    assert json.loads(json.dumps(told)) == told


def test_points_are_answered_on_demand(filled: KeypointService) -> None:
    (match, *_) = filled.search(
        crop(3), SearchRequest(k=1, options={"points": True})
    ).matches
    points = np.array(match.details["points"])
    assert points.shape == (match.details["inliers"], 4)
    there = mapped(np.array(match.details["transform"]), points[:, :2])
    assert np.hypot(*(there - points[:, 2:]).T).max() < 1
    plain = filled.search(crop(3), SearchRequest(k=1)).matches[0]
    assert {**plain.details, "points": match.details["points"]} == match.details


def test_matches_are_nearest_first_and_no_more_than_asked(
    filled: KeypointService,
) -> None:
    everything = filled.search(crop(1), SearchRequest(radius=1))
    distances = [match.distance for match in everything.matches]
    assert distances == sorted(distances)
    near = filled.search(crop(1), SearchRequest(radius=0.5))
    assert near.matches == tuple(m for m in everything.matches if m.distance <= 0.5)
    assert ids(near)[0] == 1
    assert filled.search(crop(1), SearchRequest(k=1)).matches == everything.matches[:1]


def test_a_search_by_id_leaves_the_image_out(service: KeypointService) -> None:
    assert ids(service.search_by_id(ImageId(1), SearchRequest(radius=0.5))) == []
    service.add({ImageId(11): crop(1), ImageId(12): mirrored(1)})
    assert sorted(ids(service.search_by_id(ImageId(1), SearchRequest(radius=0.5)))) == [
        11,
        12,
    ]
    assert sorted(
        ids(service.search_by_id(ImageId(11), SearchRequest(radius=0.5)))
    ) == [1, 12]
    with pytest.raises(NotFoundError):
        service.search_by_id(ImageId(99), SearchRequest(k=1))


def test_adding_again_replaces(service: KeypointService) -> None:
    service.add({ImageId(1): image(50)})
    assert service.status().count == 4
    assert nearest(service, crop(50)) == 1
    assert ids(service.search(image(1), SearchRequest(radius=0.5))) == []


def test_what_is_removed_is_not_found(service: KeypointService) -> None:
    assert service.remove([ImageId(2), ImageId(99)]) == [2]
    assert service.status().count == 3
    assert ids(service.search(image(2), SearchRequest(radius=0.5))) == []
    with pytest.raises(NotFoundError):
        service.search_by_id(ImageId(2), SearchRequest(k=1))
    assert nearest(service, crop(3)) == 3
    assert service.remove([ImageId(2)]) == []


def test_equal_images_are_all_found(service: KeypointService) -> None:
    service.add({ImageId(30): image(3), ImageId(20): image(3)})
    assert ids(service.search(image(3), SearchRequest(radius=0.5))) == [3, 20, 30]


def test_changes_of_another_process_are_seen(service: KeypointService) -> None:
    # LMDB refuses two handles in one process, so the other one writes to ours.
    (feature,) = service.extractor.extract([image(70)])
    store = store_of(service)
    store.put({ImageId(70): feature})
    assert service.status().lag == 1
    assert nearest(service, crop(70)) == 70
    assert service.status().lag == 0
    store.remove([ImageId(70)])
    assert ids(service.search(crop(70), SearchRequest(radius=0.5))) == []


def test_the_status_counts_images_and_keypoints(service: KeypointService) -> None:
    stored = collection_of(service).get(IDS[:4])
    rows = sum(len(unpack(feature.rows)) for feature in stored.values())
    status = service.status()
    assert (status.count, status.rows, status.lag) == (4, rows, 0)
    assert status.index == "exact"
    assert status.spec["model"] == "rootsift"


def test_a_blank_image_is_stored_and_never_found(service: KeypointService) -> None:
    before = service.status().rows
    service.add({ImageId(100): BLANK, ImageId(1): BLANK})
    assert service.status().count == 5
    assert service.status().rows < before  # those of the image that it replaced
    for answer in (
        service.search(BLANK, SearchRequest(k=5)),
        service.search(BLANK, SearchRequest(k=5, options={"verify": False})),
        service.search_by_id(ImageId(100), SearchRequest(k=5)),
    ):
        assert answer.matches == ()
        assert "blank" in answer.note
    assert service.search(image(2), SearchRequest(k=5)).note == ""


def test_an_empty_service_finds_nothing(tmp_path: Path) -> None:
    with opened(tmp_path) as service:
        assert service.search(image(0), SearchRequest(k=5)).matches == ()
        assert service.status().rows == 0
        assert not service.train()
        service.add({ImageId(0): BLANK})
        assert service.search(image(0), SearchRequest(k=5)).matches == ()
        assert not service.train()


def test_votes_are_answered_without_proof(filled: KeypointService) -> None:
    answer = filled.search(mirrored(4), SearchRequest(k=5, options={"verify": "false"}))
    assert len(answer.matches) == 5
    assert len(set(ids(answer))) == 5
    first, second, *_ = answer.matches
    assert first.image_id == 4
    assert first.details["mirrored"]
    assert first.details.keys() == {"votes", "mirrored"}
    assert first.details["votes"] > 10 * second.details["votes"]
    assert [m.distance for m in answer.matches] == pytest.approx(
        [1 / (1 + m.details["votes"]) for m in answer.matches], rel=0.001
    )
    far = filled.search(
        mirrored(4), SearchRequest(radius=first.distance, options={"verify": False})
    )
    assert far.matches == (first,)


def test_only_so_many_candidates_are_looked_at(service: KeypointService) -> None:
    service.add({ImageId(10 + n): image(3) for n in range(4)})
    every = service.search(image(3), SearchRequest(radius=0.5))
    assert len(every.matches) == 5
    two = service.search(
        image(3), SearchRequest(radius=0.5, options={"max_candidates": "2"})
    )
    assert len(two.matches) == 2
    one = service.search(
        image(3), SearchRequest(radius=0.5, options={"max_candidates": 1})
    )
    assert one.matches == every.matches[:1]


def test_as_many_candidates_are_looked_at_as_are_set(tmp_path: Path) -> None:
    with opened(tmp_path, max_candidates=2) as service:
        service.add({ImageId(n): image(3) for n in range(4)})
        assert ids(service.search(image(3), SearchRequest(radius=0.5))) == [0, 1]
        options = {"max_candidates": 3}
        assert (
            len(
                service.search(
                    image(3), SearchRequest(radius=0.5, options=options)
                ).matches
            )
            == 3
        )


def test_a_search_out_of_time_answers_what_it_has(tmp_path: Path) -> None:
    with opened(tmp_path, time_budget_s=1e-9) as service:
        add(service, IDS)
        answer = service.search(image(3), SearchRequest(k=COUNT))
        assert ids(answer)[0] == 3
        assert "time ran out" in answer.note
        # Then nothing is verified, so time can't run out.
        assert (
            service.search(image(3), SearchRequest(k=3, options={"verify": False})).note
            == ""
        )


@pytest.mark.parametrize("threads", [1, 3])
def test_threads_change_nothing(
    tmp_path: Path, filled: KeypointService, threads: int
) -> None:
    with opened(tmp_path, threads=threads) as service:
        add(service, IDS)
        found = service.search(crop(2), SearchRequest(radius=0.5))
        assert found == filled.search(crop(2), SearchRequest(radius=0.5))


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"nprobe": 0}, "nprobe"),
        ({"nprobe": "many"}, "nprobe"),
        ({"max_candidates": 0}, "max_candidates"),
        ({"max_candidates": 10_001}, "max_candidates"),
        ({"verify": "perhaps"}, "verify"),
        ({"points": 2}, "points"),
        ({"depth": 1}, "depth"),
    ],
)
def test_wrong_options_are_named(
    filled: KeypointService, options: dict[str, Any], named: str
) -> None:
    with pytest.raises(BadParameterError, match=named):
        filled.search(image(0), SearchRequest(k=1, options=options))
    with pytest.raises(BadParameterError, match=named):
        filled.search_by_id(ImageId(0), SearchRequest(k=1, options=options))


@pytest.mark.parametrize(
    "settings", [{"time_budget_s": 0}, {"max_candidates": 0}, {"threads": -1}]
)
def test_wrong_settings_are_refused(tmp_path: Path, settings: dict[str, Any]) -> None:
    with pytest.raises(BadParameterError), opened(tmp_path, **settings):
        pass


def test_sizes_are_those_of_the_images(filled: KeypointService) -> None:
    assert unpack(collection_of(filled).get([ImageId(0)])[ImageId(0)].rows).size == SIZE
