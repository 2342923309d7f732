"""The port is taken before anything is opened, and answers leave it at once."""

import socket

import pytest

from ambience.cli.serve import _bound
from ambience.core.errors import BadParameterError


def test_small_answers_are_not_held_back() -> None:
    # asyncio sets TCP_NODELAY only where the protocol is named; without that, each
    # answer waits 40 ms for the client's acknowledgement of its first part.
    with _bound("127.0.0.1", 0) as listener:
        assert listener.proto == socket.IPPROTO_TCP


def test_a_port_that_is_taken_is_said() -> None:
    with _bound("127.0.0.1", 0) as taken:
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(BadParameterError, match=f"port {port}.*choose another"):
            _bound("127.0.0.1", port)
