"""A server that is killed while it trains an index starts again and finds it all."""

import random
import threading
import time
from pathlib import Path

import httpx2
import pytest

from tests.drawing import drawn_image, encode
from tests.faults import nursery as nursery_module
from tests.faults.nursery import Nursery
from tests.rounds import rounds
from tests.server import START_S, STOP_S, Server

ROUNDS = rounds(6, slow=40)
SEED = 4
AT_MOST = 200  # images a round: it is killed before
CHECKED = 3  # older images, each round; all of them in the end
LONGEST_S = 0.4  # from the start of a training to the kill: longer than it takes

# As in use, but that an index is trained from 500 descriptors on instead of 20,000, and
# again with a tenth more: a server that is given images is training most of the time.
_EARLY = """
from ambience.engine.embedded.descriptors import descriptor_index as descriptors
descriptors.TRAINED_FROM, descriptors._GROWTH = 500, 1.1
"""


def part(number: int) -> bytes:
    """Return the file of a part of an image."""
    return encode(drawn_image(number, (48, 64))[16:, 20:])


class Putting:
    """A thread that adds images one by one, until the server is gone."""

    def __init__(self, url: str, first: int) -> None:
        self._url = url
        self._numbers = range(first, first + AT_MOST)
        self._refused: list[str] = []
        self._thread = threading.Thread(target=self._run)
        self.acknowledged: list[int] = []
        self._thread.start()

    def end(self) -> None:
        """Wait until the server is gone."""
        self._thread.join(STOP_S)
        assert not self._thread.is_alive()
        assert self._refused == []
        assert len(self.acknowledged) < AT_MOST

    def _run(self) -> None:
        with httpx2.Client(base_url=self._url, timeout=START_S) as client:
            for number in self._numbers:
                files = {"image": encode(drawn_image(number, (48, 64)))}
                try:
                    answer = client.put(f"/api/images/{number}", files=files)
                except httpx2.TransportError:
                    return
                if not answer.is_success:
                    self._refused.append(answer.text)
                    return
                self.acknowledged.append(number)


def kind_of(client: httpx2.Client) -> str:
    """Return the kind of the index, and whether it is being trained."""
    kind: str = client.get("/api/local_features").json()["index"]["kind"]
    return kind


def check_found(client: httpx2.Client, numbers: list[int]) -> None:
    """Check that a part of each image finds it."""
    for number in numbers:
        files = {"image": part(number)}
        answer = client.post("/api/local_features/search?k=1", files=files)
        (match,) = answer.raise_for_status().json()["matches"]
        assert match["image_id"] == number
        assert match["distance"] < 0.5


def kill_in_training(server: Server, rng: random.Random) -> bool:
    """Kill a server some time after it began to train; tell whether it still did."""
    with server.client() as client:
        end = time.monotonic() + START_S
        while "training" not in kind_of(client):
            assert time.monotonic() < end, "nothing is trained"
        time.sleep(rng.uniform(0, LONGEST_S))
        training = "training" in kind_of(client)
        server.process.kill()
    return training


def test_nothing_is_lost_by_kills_while_an_index_is_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = nursery_module._CODE  # noqa: SLF001 -- what every server of a nursery runs
    monkeypatch.setattr(nursery_module, "_CODE", _EARLY + code)
    rng = random.Random(SEED)
    data = tmp_path / "data"
    known: list[int] = []
    latest: list[int] = []
    in_training = 0
    with Nursery(tmp_path) as nursery:
        for number in range(ROUNDS):
            with nursery.started(data) as server:
                with server.wait_until_ready().client() as client:
                    check_found(client, latest[-CHECKED:])
                    check_found(client, rng.sample(known, min(CHECKED, len(known))))
                putting = Putting(server.url, number * AT_MOST)
                in_training += kill_in_training(server, rng)
                putting.end()
                assert "Traceback" not in server.log
            latest = putting.acknowledged
            known += latest
        with nursery.serving(data) as (server, client):
            check_found(client, known)
            state = client.get("/api/local_features").json()
            assert state["index"]["lag"] == 0
            # One may be stored whose answer did not come any more, each round.
            assert len(known) <= state["count"] <= len(known) + ROUNDS
            assert kind_of(client).startswith("IVF")
            server.stop()
            assert "Traceback" not in server.log
    assert in_training >= ROUNDS // 3
    assert len(known) > ROUNDS
