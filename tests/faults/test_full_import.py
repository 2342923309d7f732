"""An import that fills the disk says so, and the next one goes on."""

import json
from pathlib import Path

from tests.faults.test_disk import files_up_to, run
from tests.library import write_images

# In bytes: for some batches of colors; for the keypoints of some batches.
BATCHES, KEYPOINTS = 2**20, 2**23
MANY = 600  # images: more than that


def test_an_import_on_a_full_disk_says_so_for_each_file(tmp_path: Path) -> None:
    data, photos = tmp_path / "data", tmp_path / "photos"
    write_images(photos, MANY)
    words = ["import", str(photos), "--data", str(data), "--json"]
    done = run(*words, code=files_up_to(BATCHES))
    report = json.loads(done.stdout)
    assert done.returncode == 0
    assert 0 < report["added"] < MANY
    assert report["added"] + len(report["failed"]) == MANY
    assert "full" in report["failed"][0]["reason"]
    report = json.loads(run(*words).stdout)
    assert report["added"] + report["skipped"] == MANY
    assert report["failed"] == []
    assert report["waiting"] == report["stuck"] == {}


def test_where_keypoints_fill_the_disk_images_are_in_and_the_rest_waits(
    tmp_path: Path,
) -> None:
    data, photos = tmp_path / "data", tmp_path / "photos"
    write_images(photos, MANY)
    words = ["import", str(photos), "--data", str(data), "--json"]
    report = json.loads(run(*words, code=files_up_to(KEYPOINTS)).stdout)
    assert (report["added"], report["failed"]) == (MANY, [])
    assert "full" in report["unavailable"]["local_features"]
    left = report["waiting"]["local_features"]
    assert 0 < left < MANY
    assert report["followed"] == {"local_features": MANY - left}
    report = json.loads(run(*words).stdout)
    assert (report["skipped"], report["unavailable"]) == (MANY, {})
    assert report["followed"] == {"local_features": left}
    assert report["waiting"] == report["stuck"] == {}
