"""What was learned is kept, and each service's curve stands by itself."""

from dataclasses import replace
from pathlib import Path

import pytest

from ambience.core.errors import CorruptDataError
from ambience.fusion import (
    NOTHING_LEARNED,
    Calibration,
    Curve,
    Learned,
    UsualBackground,
)
from tests.fusion.curves import CALIBRATION, EVIDENCE

LEARNED = CALIBRATION.learned
SMELL = Curve(seen=0.1, middle=2, width=3)


def test_what_was_saved_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "new" / "calibration.json"
    LEARNED.save(file)
    assert Learned.load(file) == LEARNED
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_without_a_file_everything_is_read_as_it_was_shipped(tmp_path: Path) -> None:
    learned = Learned.load(tmp_path / "calibration.json")
    assert learned == NOTHING_LEARNED
    for name, own in EVIDENCE.items():
        assert Calibration(EVIDENCE, learned).curve(name) == own.curve
        assert Calibration(EVIDENCE, learned).usual(name) == own.usual


def test_what_was_learned_stays_valid_while_services_come_and_go(
    tmp_path: Path,
) -> None:
    """One that is gone is kept for its return; one that is new is as shipped."""
    file = tmp_path / "calibration.json"
    curves = {"phash": LEARNED.curves["phash"], "smell": SMELL}
    usual = {"smell": UsualBackground(mean=1, deviation=1)}
    Learned(images=9, curves=curves, usual=usual).save(file)
    calibration = Calibration(EVIDENCE, Learned.load(file))
    assert calibration.curve("phash") == LEARNED.curves["phash"]
    assert calibration.curve("local_features") == EVIDENCE["local_features"].curve
    assert calibration.usual("color") == EVIDENCE["color"].usual
    assert calibration.learned.curves["smell"] == SMELL
    smell = replace(EVIDENCE["phash"], curve=Curve(seen=0.5, middle=0, width=1))
    more = Calibration({**EVIDENCE, "smell": smell}, Learned.load(file))
    assert more.curve("smell") == SMELL
    assert more.usual("smell") is None  # as it is read on another scale


def test_a_curve_of_another_distance_is_not_used() -> None:
    """What was learned of the others is."""
    evidence = {**EVIDENCE, "color": replace(EVIDENCE["color"], version=77)}
    calibration = Calibration(evidence, LEARNED)
    assert calibration.curve("color") == EVIDENCE["color"].curve
    assert calibration.usual("color") == EVIDENCE["color"].usual
    assert calibration.curve("phash") == LEARNED.curves["phash"]


def test_a_file_of_the_version_before_is_read(tmp_path: Path) -> None:
    """It did not say what its curves were learned from: from the first version."""
    file = tmp_path / "calibration.json"
    file.write_text(
        LEARNED.model_dump_json(exclude={"evidence_versions"}), encoding="utf-8"
    )
    found = Learned.load(file)
    first = {name: replace(own, version=1) for name, own in EVIDENCE.items()}
    for name, curve in LEARNED.curves.items():
        assert Calibration(first, found).curve(name) == curve


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        LEARNED.model_dump_json().replace('"version":1', '"version":2'),
        LEARNED.model_dump_json().replace('"width":5.0', '"width":0'),
        LEARNED.model_dump_json().replace('"seen":0.9', '"seen":1.0'),
        LEARNED.model_dump_json().replace('"curves"', '"scents"'),
        LEARNED.model_dump_json()[:-40],
    ],
)
def test_a_file_that_cannot_be_used_is_named(tmp_path: Path, text: str) -> None:
    file = tmp_path / "calibration.json"
    file.write_text(text)
    with pytest.raises(CorruptDataError, match="run `ambience train fusion`"):
        Learned.load(file)
