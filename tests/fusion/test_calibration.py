"""A calibration is kept whole, and what can't be used is said."""

from pathlib import Path

import pytest

from ambience.core.errors import CorruptDataError
from ambience.fusion import SCALES, loaded, shipped
from tests.fusion.curves import CALIBRATION


def test_what_was_saved_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "new" / "calibration.json"
    CALIBRATION.save(file)
    assert loaded(file) == CALIBRATION
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_without_a_file_the_shipped_one_is_used(tmp_path: Path) -> None:
    assert loaded(tmp_path / "calibration.json") == shipped()
    assert set(shipped().curves) == set(SCALES)
    assert shipped().images == 0


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        CALIBRATION.model_dump_json().replace('"version":1', '"version":2'),
        CALIBRATION.model_dump_json().replace('"width":5.0', '"width":0'),
        CALIBRATION.model_dump_json().replace('"seen":0.9', '"seen":1.0'),
        CALIBRATION.model_dump_json().replace('"phash"', '"smell"'),
        CALIBRATION.model_dump_json()[:-40],
    ],
)
def test_a_file_that_cannot_be_used_is_named(tmp_path: Path, text: str) -> None:
    file = tmp_path / "calibration.json"
    file.write_text(text)
    with pytest.raises(CorruptDataError, match="run `ambience train fusion`"):
        loaded(file)
