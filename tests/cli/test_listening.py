"""The port is taken before anything is opened, and answers leave it at once."""

import socket

import pytest
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient

from ambience.cli.http_server import bound
from ambience.cli.serve import _guarded, _is_alone
from ambience.core.errors import BadParameterError
from ambience.core.settings import load_settings
from ambience.library.components import fetcher_from

EVERYWHERE = "0.0.0.0"  # noqa: S104 -- what answers all is what is tested


def test_small_answers_are_not_held_back() -> None:
    # asyncio sets TCP_NODELAY only where the protocol is named; without that, each
    # answer waits 40 ms for the client's acknowledgement of its first part.
    with bound("127.0.0.1", 0) as listener:
        assert listener.proto == socket.IPPROTO_TCP


def test_a_port_that_is_taken_is_said() -> None:
    with bound("127.0.0.1", 0) as taken:
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(BadParameterError, match=f"port {port}.*choose another"):
            bound("127.0.0.1", port)


@pytest.mark.parametrize(
    ("host", "allowed", "asked", "status"),
    [
        ("127.0.0.1", (), "127.0.0.1", 200),
        ("127.0.0.1", (), "evil.example", 421),
        ("localhost", (), "evil.example", 421),
        ("127.0.0.2", (), "127.0.0.2", 200),
        ("127.0.0.1", ("photos.example.org",), "photos.example.org", 200),
        ("127.0.0.1", ("photos.example.org",), "evil.example", 421),
        (EVERYWHERE, (), "evil.example", 200),
        (EVERYWHERE, ("photos.example.org",), "photos.example.org", 200),
        (EVERYWHERE, ("photos.example.org",), "evil.example", 421),
    ],
)
def test_names_are_checked_where_only_this_machine_gets_answers(
    host: str, allowed: tuple[str, ...], asked: str, status: int
) -> None:
    settings = load_settings(host=host, allowed_hosts=allowed)
    with bound(host, 0) as listener:
        app = _guarded(PlainTextResponse("hello"), settings, listener)
    answer = TestClient(app).get("/", headers={"host": asked})
    assert answer.status_code == status


@pytest.mark.parametrize(
    ("host", "allowed", "enabled", "fetches"),
    [
        ("127.0.0.1", (), None, True),
        ("localhost", (), None, True),
        ("127.0.0.1", (), False, False),
        ("127.0.0.1", ("photos.example.org",), None, False),
        ("127.0.0.1", ("photos.example.org",), True, True),
        (EVERYWHERE, (), None, False),
        (EVERYWHERE, (), False, False),
        (EVERYWHERE, (), True, True),
    ],
)
def test_images_are_fetched_for_others_only_if_that_is_set(
    *, host: str, allowed: tuple[str, ...], enabled: bool | None, fetches: bool
) -> None:
    settings = load_settings(
        host=host, allowed_hosts=allowed, search_by_url={"enabled": enabled}
    )
    with bound(host, 0) as listener:
        alone = _is_alone(settings, listener)
    assert (fetcher_from(settings, alone=alone) is not None) is fetches
