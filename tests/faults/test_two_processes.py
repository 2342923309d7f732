"""Several processes share a data folder, and none breaks what another does."""

import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx2
import pytest

from ambience.ingest import Importer, Progress
from ambience.registry import BUILTIN
from tests.drawing import drawn_image, encode
from tests.ingest.test_writer import House
from tests.library import write_images
from tests.server import MAIN, START_S, serving

COUNT = 80  # images: more than an import writes at once
MANY = 400  # more than it writes before it is killed


def imported(data: Path, *photos: Path) -> dict[str, Any]:
    """Import folders in a process of its own; return what it reports."""
    words = ["import", *map(str, photos), "--data", str(data), "--json"]
    done = subprocess.run(
        [sys.executable, "-c", MAIN, *words], capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def first_match(client: httpx2.Client, path: Path) -> dict[str, Any]:
    answer = client.post("/api/reverse_search", files={"image": path.read_bytes()})
    match: dict[str, Any] = answer.raise_for_status().json()["matches"][0]
    return match


def check_each_is_found_once(client: httpx2.Client, paths: list[Path]) -> None:
    for path in paths[::10]:
        answer = client.post("/api/reverse_search", files={"image": path.read_bytes()})
        same = [m for m in answer.json()["matches"] if m["relation"] == "same_file"]
        assert len(same) == 1
    assert client.get("/api/images").json()["total"] == len(paths)
    for name in BUILTIN:
        state = client.get(f"/api/{name}").json()
        assert state["count"] == len(paths)
        an_image = state["index"]["rows"] / len(paths)
        assert an_image > 1 if name == "local_features" else an_image == 1


def test_a_server_finds_at_once_what_another_process_imports(tmp_path: Path) -> None:
    data, photos = tmp_path / "data", tmp_path / "photos"
    paths = write_images(photos, 12)
    with serving(data) as (_, client):
        assert imported(data, photos)["added"] == 12
        for path in paths:
            match = first_match(client, path)
            assert (match["relation"], match["evidence"]["phash"]["distance"]) == (
                "same_file",
                0,
            )
            thumbnail = client.get(f"/api/images/{match['image_id']}/thumbnail")
            assert thumbnail.is_success


def test_it_forgets_at_once_what_changed_elsewhere(tmp_path: Path) -> None:
    data, photos = tmp_path / "data", tmp_path / "photos"
    (path,) = write_images(photos, 1)
    old = path.read_bytes()
    with serving(data) as (_, client):
        imported(data, photos)
        before = first_match(client, path)
        path.write_bytes(encode(drawn_image(99, (60, 80))))
        assert imported(data, photos)["changed"] == 1
        assert first_match(client, path)["image_id"] == before["image_id"]
        matches = client.post("/api/reverse_search", files={"image": old}).json()[
            "matches"
        ]
        assert "same_file" not in [match["relation"] for match in matches]


def test_imports_of_the_same_files_at_once_add_each_once(tmp_path: Path) -> None:
    data, photos = tmp_path / "data", tmp_path / "photos"
    paths = write_images(photos, COUNT)
    reports: list[dict[str, Any]] = []
    others = [
        threading.Thread(target=lambda: reports.append(imported(data, photos)))
        for _ in range(2)
    ]
    with serving(data, "--import", str(photos)) as (server, client):
        for other in others:
            other.start()
        for other in others:
            other.join(START_S)
        said = server.said()
        assert said is not None
        reports.append(said["import"])
        assert len(reports) == 3
        assert [report["failed"] for report in reports] == [[], [], []]
        assert sum(report["added"] for report in reports) == COUNT
        for report in reports:
            assert report["added"] + report["skipped"] == COUNT
        check_each_is_found_once(client, paths)
        assert "Traceback" not in server.log
    assert not list((data / "staging").iterdir())


@pytest.mark.parametrize(
    "others", [slice(1, 3), slice(1, 5)], ids=["some", "all but one"]
)
def test_a_file_that_another_process_added_meanwhile_is_skipped(
    tmp_path: Path, others: slice
) -> None:
    data, paths = tmp_path / "data", write_images(tmp_path / "photos", 5)
    with closing(House(data)) as one, closing(House(data)) as other:

        def meanwhile(progress: Progress) -> None:
            if progress.done == 1:  # decoded, and not written yet
                importer = Importer(other.writer, threads=1, data=data)
                assert importer.run(paths[others]).added == len(paths[others])

        importer = Importer(one.writer, threads=1, data=data)
        report = importer.run(paths, on_progress=meanwhile)
        skipped = len(paths[others])
        assert (report.added, report.skipped) == (len(paths) - skipped, skipped)
        assert report.failed == []
        assert len(one.catalog) == len(paths)
        assert len(one.sinks[0].held) == report.added
        assert one.journal.is_empty()


def test_uploads_go_on_while_other_processes_come_and_go(tmp_path: Path) -> None:
    data, photos = tmp_path / "data", tmp_path / "photos"
    write_images(photos, 5)
    done = threading.Event()
    answers: list[httpx2.Response] = []

    def replace(client: httpx2.Client) -> None:
        number = 0
        while not done.is_set():
            number += 1
            image = encode(drawn_image(1000 + number, (60, 80)))
            answers.append(client.put("/api/images/777", files={"image": image}))

    with serving(data) as (_, client):
        thread = threading.Thread(target=replace, args=(client,))
        thread.start()
        try:
            for _ in range(3):  # each looks for what dead processes left, at its start
                imported(data, photos)
        finally:
            done.set()
            thread.join(START_S)
        assert len(answers) > 3
        assert [answer.text for answer in answers if not answer.is_success] == []
        assert client.get("/api/images").json()["total"] == 6


def test_an_import_that_was_killed_leaves_the_server_whole(tmp_path: Path) -> None:
    data, photos = tmp_path / "data", tmp_path / "photos"
    paths = write_images(photos, MANY)
    words = ["import", str(photos), "--data", str(data)]
    with serving(data) as (_, client):
        with subprocess.Popen([sys.executable, "-c", MAIN, *words]) as killed:
            while client.get("/api/images").json()["total"] == 0:
                assert killed.poll() is None
            os.kill(killed.pid, signal.SIGKILL)
        total = client.get("/api/images").json()["total"]
        assert 0 < total < MANY
        report = imported(data, photos)
        assert (report["skipped"], report["added"]) == (total, MANY - total)
        check_each_is_found_once(client, paths)
