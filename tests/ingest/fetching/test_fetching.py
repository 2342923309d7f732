"""An image is fetched from where it may be, and from nowhere else."""

import asyncio
import socket
import ssl
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any

import pytest

from ambience.core.errors import BadParameterError, FetchError
from ambience.imaging import Limits
from ambience.ingest.fetching.fetcher import Fetcher
from ambience.ingest.fetching.public_addresses import IPAddress
from tests.ingest.fetching.web_server import (
    CERTIFICATE,
    FILE,
    HERE,
    Names,
    WebServer,
    answer,
    fetched,
    photos,
    web_server,
)

NOT_PUBLIC = "has no address, or one that is not public"


def test_what_is_at_an_address_is_fetched_unpacked_and_by_its_name() -> None:
    names = photos([HERE])
    with web_server({"/a.jpg?b=c": answer(FILE)}) as server:
        found = fetched(server, "/a.jpg?b=c#d", host="photos.test", resolve=names)
    assert found == FILE
    (request,) = server.requests
    fields = dict(line.split(": ") for line in request.split("\r\n")[1:-2])
    assert fields["Host"] == f"photos.test:{server.port}"
    assert fields["Accept-Encoding"] == "identity"
    assert fields["User-Agent"].startswith("ambience/")


# -- where it may be ------------------------------------------------------------------


def test_a_name_is_looked_up_once_and_what_was_checked_is_connected_to() -> None:
    names = photos([HERE], ["127.0.0.2"])  # rebinding: the next look-up says otherwise
    with web_server({"/": answer(FILE)}) as server:
        assert fetched(server, host="photos.test", resolve=names) == FILE
    assert names.asked == ["photos.test"]


def test_a_redirect_to_the_same_name_is_checked_anew() -> None:
    names = photos([HERE], ["127.0.0.2"])
    with web_server({"/": answer(status=302, location="/b")}) as server:
        with pytest.raises(BadParameterError, match=NOT_PUBLIC):
            fetched(server, host="photos.test", resolve=names)
        assert len(server.requests) == 1


def test_one_address_that_is_not_allowed_spoils_a_name() -> None:
    for mixed in ([HERE, "10.0.0.1"], ["10.0.0.1", HERE], [HERE, "::1"]):
        with web_server({"/": answer(FILE)}) as server:
            with pytest.raises(BadParameterError, match=NOT_PUBLIC):
                fetched(server, host="photos.test", resolve=photos(mixed))
            assert server.requests == []


def test_an_address_that_does_not_answer_leaves_the_others() -> None:
    both = ["127.0.0.3", HERE]
    with web_server({"/": answer(FILE)}) as server:
        found = fetched(server, host="photos.test", resolve=photos(both), allowed=both)
    assert found == FILE


@pytest.mark.parametrize(
    "host",
    [
        "localhost", "localhost.", "LOCALHOST", HERE, "127.0.0.2", "127.1",
        "2130706433", "0x7f000001", "0x7f.0.0.1", "017700000001", "0177.0.0.1",
        "0", "0.0.0.0",  # noqa: S104 -- which is refused
        "[::]", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]",
        "[64:ff9b::127.0.0.1]", "[2002:7f00:1::]", "[fe80::1]", "[fe80::1%25lo]",
        "169.254.169.254", "10.0.0.1", "192.168.1.1", "100.64.0.1",
        "127\N{IDEOGRAPHIC FULL STOP}0\N{IDEOGRAPHIC FULL STOP}0.1",
        "12\N{FULLWIDTH DIGIT SEVEN}.0.0.1", "\N{CIRCLED DIGIT ONE}27.0.0.1",
        "..", "a..b", "a" * 70 + ".test",
    ],
)  # fmt: skip
def test_no_spelling_of_a_host_gets_past_the_policy(host: str) -> None:
    with web_server({"/": answer(FILE)}) as server:
        fetcher = Fetcher(limits=Limits(), timeout_s=30, ports={server.port})
        with pytest.raises(BadParameterError):
            asyncio.run(fetcher.fetch(f"http://{host}:{server.port}/"))
        assert server.requests == []


@pytest.mark.parametrize("known", [True, False])
def test_what_a_private_name_means_is_not_given_away(*, known: bool) -> None:
    async def resolve(_: str, __: int) -> list[IPAddress]:
        if known:
            return [ip_address("10.1.2.3")]
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    with web_server({}) as server, pytest.raises(BadParameterError) as raised:
        fetched(server, host="files.corp.test", resolve=resolve)
    assert str(raised.value) == (
        f"files.corp.test {NOT_PUBLIC}: images are only fetched from the "
        "public internet, so search with a file instead"
    )


WRONG = {
    "photos.test/a.jpg": "begins with http:// or https://",
    "//photos.test/a.jpg": "begins with http:// or https://",
    "http:///a.jpg": "begins with http:// or https://",
    "file:///etc/passwd": "begins with http:// or https://",
    "ftp://photos.test/a.jpg": "begins with http:// or https://",
    "data:image/png;base64,AAAA": "begins with http:// or https://",
    "http://user:word@photos.test/": "without a user name and a password",
    "http://user@photos.test/": "without a user name and a password",
    "http://127.0.0.1\\@photos.test/": "without a user name and a password",
    "http://photos.test:22/": "not fetched from port 22, only from 80 and 443",
    "http://photos.test:-1/": "not fetched from port -1",
    "http://photos.test:http/": "not an address",
    "http://[::1/": "not an address",
    "http://photos.test/\n": "not an address|not public",
    "http://photos.test/\nHost: evil.test": "not an address",
    "http://" + "a" * 70_000: "not an address",
}


@pytest.mark.parametrize("address", WRONG, ids=lambda address: address[:40])
def test_what_is_no_address_of_an_image_is_refused(address: str) -> None:
    fetcher = Fetcher(limits=Limits(), timeout_s=30, resolve=photos([]))
    with pytest.raises(BadParameterError, match=WRONG[address]):
        asyncio.run(fetcher.fetch(address))


def test_no_proxy_of_the_environment_is_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with web_server({"/": answer(FILE)}) as server, web_server({}) as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://{HERE}:{proxy.port}")
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        assert fetched(server, host="photos.test", resolve=photos([HERE])) == FILE
        assert proxy.requests == []


# -- redirects ------------------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_followed(status: int) -> None:
    answers = {
        "/": answer(status=status, location="/b", set_cookie="a=b"),
        "/b": answer(status=status, location="c?d"),
        "/c?d": answer(FILE),
    }
    with web_server(answers) as server:
        assert fetched(server) == FILE
    assert not any("cookie" in request.lower() for request in server.requests)


@pytest.mark.parametrize(
    ("location", "sentence"),
    [
        ("http://127.0.0.2:{port}/", NOT_PUBLIC),
        ("http://[::1]:{port}/", NOT_PUBLIC),
        ("//10.0.0.1:{port}/", NOT_PUBLIC),
        ("http://127.0.0.1:22/", "not fetched from port 22"),
        ("http://a:b@127.0.0.1:{port}/", "without a user name and a password"),
        ("file:///etc/passwd", "begins with http:// or https://"),
        ("gopher://127.0.0.1:{port}/", "begins with http:// or https://"),
    ],
)
def test_a_redirect_leads_nowhere_else(location: str, sentence: str) -> None:
    answers: dict[str, bytes] = {}
    with web_server(answers) as server:
        to = location.format(port=server.port)
        answers["/"] = answer(status=302, location=to)
        with pytest.raises(BadParameterError, match=sentence):
            fetched(server)
        assert len(server.requests) == 1


@pytest.mark.parametrize("headers", [{}, {"location": "http://[::1"}])
def test_a_redirect_to_nothing_is_said(headers: dict[str, Any]) -> None:
    with (
        web_server({"/": answer(status=302, **headers)}) as server,
        pytest.raises(FetchError, match=r"127.0.0.1 "),
    ):
        fetched(server)


def test_redirects_in_a_circle_end() -> None:
    answers = {"/": answer(status=302, location="/")}
    with web_server(answers) as server:
        with pytest.raises(FetchError, match="redirected more than 5 times"):
            fetched(server)
        assert len(server.requests) == 6


# -- certificates ---------------------------------------------------------------------


@pytest.fixture
def secure() -> Iterator[tuple[WebServer, list[str | None]]]:
    """A server that proves to be photos.test, and the names it is asked for."""
    names: list[str | None] = []
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(CERTIFICATE)
    tls.sni_callback = lambda _, name, __: names.append(name)
    with web_server({"/": answer(FILE)}, tls=tls) as server:
        yield server, names


def trusting() -> ssl.SSLContext:
    """Return what trusts the certificate of the tests."""
    return ssl.create_default_context(cafile=str(CERTIFICATE))


def test_a_certificate_is_checked_against_the_name_that_is_asked_for(
    secure: tuple[WebServer, list[str | None]],
) -> None:
    server, names = secure
    for host in ("photos.test", "photos.test."):
        resolve = Names(**{host: [[HERE]]})
        found = fetched(
            server, host=host, scheme="https", resolve=resolve, tls=trusting()
        )
        assert found == FILE
    assert names == ["photos.test", "photos.test"]


@pytest.mark.parametrize(
    ("host", "tls"),
    [("other.test", trusting()), (HERE, trusting()), ("photos.test", None)],
)
def test_a_certificate_that_proves_nothing_is_refused(
    secure: tuple[WebServer, list[str | None]],
    host: str,
    tls: ssl.SSLContext | None,
) -> None:
    server, _ = secure
    with pytest.raises(FetchError, match=r"can't connect to .* over https"):
        fetched(
            server,
            host=host,
            scheme="https",
            resolve=Names(**{host: [[HERE]]}),
            tls=tls,
        )
    assert server.requests == []
