"""The gateway keeps its connections to a service, and repeats only what is safe."""

import socket
import threading
from pathlib import Path

from tests.gateway.proxied import (
    MATCHES,
    SIMILAR,
    closing_the_second,
    form,
    gateway_before,
    saying,
)
from tests.scripted import GUARD_S, Got, answer, read_request


def test_a_request_that_met_a_stale_connection_is_sent_once_more(
    tmp_path: Path,
) -> None:
    got: list[Got] = []
    with gateway_before(closing_the_second(got, answer(MATCHES)), tmp_path) as client:
        client.get(SIMILAR)
        said = client.post("/api/phash/search?k=1", files=form(b"data"))
    assert said.content == MATCHES
    assert [one.first_line[:4] for one in got[:3]] == ["GET ", "POST", "POST"]
    assert got[1].body == got[2].body


def test_a_large_upload_is_not_held_to_be_sent_once_more(tmp_path: Path) -> None:
    got: list[Got] = []
    with gateway_before(closing_the_second(got, answer(MATCHES)), tmp_path) as client:
        client.get(SIMILAR)
        said = client.post("/api/phash/search?k=1", files=form(bytes(2**20)))
    assert said.status_code == 503
    assert len(got) == 2


def test_a_request_is_not_repeated_on_a_fresh_connection(tmp_path: Path) -> None:
    got: list[Got] = []

    def serve(connection: socket.socket) -> None:
        got.append(read_request(connection))

    with gateway_before(serve, tmp_path) as client:
        said = client.delete("/api/phash/images/7")
    assert said.status_code == 503
    assert len(got) == 1


def test_connections_are_kept(tmp_path: Path) -> None:
    taken: list[socket.socket] = []

    def serve(connection: socket.socket) -> None:
        taken.append(connection)
        saying(*[answer(MATCHES)] * 6)(connection)

    with gateway_before(serve, tmp_path) as client:
        for _ in range(5):
            assert client.get(SIMILAR).content == MATCHES
    assert len(taken) == 1


def test_an_answer_to_nothing_does_not_pass_for_the_next_one(tmp_path: Path) -> None:
    heard, sent, closed = threading.Event(), threading.Event(), threading.Event()

    def serve(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(answer(MATCHES))
        assert heard.wait(GUARD_S)
        connection.sendall(answer(b'{"matches":[1]}'))
        sent.set()
        try:
            read_request(connection)
        finally:
            closed.set()

    with gateway_before(serve, tmp_path) as client:
        assert client.get(SIMILAR).content == MATCHES
        heard.set()
        assert sent.wait(GUARD_S)
        assert client.get(SIMILAR).content == MATCHES
        assert closed.wait(GUARD_S)
