"""A service answers alike in this process, over ASGI, and over a real socket."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest
import uvicorn
from fastapi import FastAPI
from starlette.testclient import TestClient

from ambience import registry
from ambience.core.errors import (
    BadInputError,
    BadParameterError,
    BusyError,
    NotFoundError,
    TooLargeError,
    UnavailableError,
    UnsupportedImageError,
)
from ambience.core.features import ImageId
from ambience.imaging import ImageFile, Limits
from ambience.remote.remote_service import RemoteService, connect
from ambience.service import AnyService, SearchRequest
from ambience.web.app import create_app
from tests.abilities import holding, put, searching
from tests.drawing import drawn_image, encode

PROVING = {"local_features"}  # they answer what is proved, and these are unrelated
IMAGES = {
    ImageId(seed): ImageFile(encode(drawn_image(seed, (60, 80)))) for seed in range(12)
}
WAYS = ["here", "asgi", "socket"]


def problem(status: int, detail: str) -> httpx2.Response:
    """Return a problem document as our own servers send it."""
    headers = {"content-type": "application/problem+json"}
    return httpx2.Response(status, headers=headers, json={"detail": detail})


@contextmanager
def answering(answer: httpx2.Response) -> Iterator[RemoteService]:
    """Give a service elsewhere, for a server that has one answer to everything."""
    transport = httpx2.MockTransport(lambda _: answer)
    remote = RemoteService(
        "phash", httpx2.Client(transport=transport, base_url="http://phash")
    )
    yield remote
    remote.close()


@pytest.fixture(params=sorted(registry.BUILTIN))
def local(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[AnyService]:
    declared = registry.load(request.param)
    service = declared.open_here(declared.settings(), tmp_path)
    yield service
    service.close()


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """Serve an application on a free port of this machine."""
    config = uvicorn.Config(app, port=0, log_level="warning", lifespan="on")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture(params=WAYS)
def service(request: pytest.FixtureRequest, local: AnyService) -> Iterator[AnyService]:
    app = create_app([local], limits=Limits())
    match request.param:
        case "here":
            yield local
        case "asgi":
            with TestClient(app) as client:
                yield RemoteService(local.name, client)
        case _:
            with served(app) as url:
                remote = connect(local.name, url, timeout_s=30)
                yield remote
                remote.close()


def fill(service: AnyService) -> None:
    put(service, IMAGES)


def test_every_way_gives_the_same_answers(
    service: AnyService, local: AnyService
) -> None:
    fill(service)
    query = ImageFile(encode(drawn_image(3, (120, 160)), "JPEG", quality=50))
    one, other = searching(service), searching(local)
    for request in (SearchRequest(k=5), SearchRequest(radius=1.5)):
        assert one.search(query, request) == other.search(query, request)
    known, request = ImageId(3), SearchRequest(k=4)
    assert one.search_by_id(known, request) == other.search_by_id(known, request)
    assert service.status() == local.status()


def test_an_image_finds_itself(service: AnyService) -> None:
    fill(service)
    for image_id, image in IMAGES.items():
        first = searching(service).search(image, SearchRequest(k=3)).matches[0]
        assert (first.image_id, first.distance) == (image_id, 0)


def test_an_index_of_one_finds_it_and_an_empty_one_nothing(service: AnyService) -> None:
    assert (
        searching(service).search(IMAGES[ImageId(1)], SearchRequest(k=5)).matches == ()
    )
    put(service, {ImageId(1): IMAGES[ImageId(1)]})
    (match,) = searching(service).search(IMAGES[ImageId(1)], SearchRequest(k=5)).matches
    assert match.image_id == 1


def test_a_known_image_is_left_out_of_its_own_matches(service: AnyService) -> None:
    fill(service)
    found = [
        match.image_id
        for match in searching(service)
        .search_by_id(ImageId(3), SearchRequest(k=5))
        .matches
    ]
    assert 3 not in found
    assert len(found) == (0 if service.name in PROVING else 5)


def test_adding_an_id_again_replaces_it(service: AnyService) -> None:
    fill(service)
    other = ImageFile(encode(drawn_image(99, (60, 80))))
    put(service, {ImageId(3): other})
    assert service.status()["count"] == len(IMAGES)
    first = searching(service).search(other, SearchRequest(k=1)).matches[0]
    assert (first.image_id, first.distance) == (3, 0)
    assert all(
        m.distance
        for m in searching(service)
        .search(IMAGES[ImageId(3)], SearchRequest(k=1))
        .matches
    )


def test_a_removed_image_is_not_found(service: AnyService) -> None:
    fill(service)
    assert holding(service).remove([ImageId(3), ImageId(77)]) == [3]
    assert holding(service).remove([ImageId(3)]) == []
    found = searching(service).search(IMAGES[ImageId(3)], SearchRequest(k=50)).matches
    assert 3 not in [match.image_id for match in found]
    with pytest.raises(NotFoundError, match="image 3"):
        searching(service).search_by_id(ImageId(3), SearchRequest(k=5))


def test_what_it_has_is_listed_page_by_page(service: AnyService) -> None:
    assert holding(service).ids(limit=5) == []
    fill(service)
    holding(service).remove([ImageId(3)])
    put(service, {ImageId(2**53 - 1): IMAGES[ImageId(3)]})
    there = [0, 1, 2, *range(4, 12), 2**53 - 1]
    assert holding(service).ids(limit=100) == there
    assert holding(service).ids(limit=5) == there[:5]
    assert holding(service).ids(after=ImageId(5), limit=5) == there[5:10]
    assert holding(service).ids(after=ImageId(3), limit=1) == [4]
    assert holding(service).ids(after=ImageId(2**53 - 1), limit=5) == []


def test_what_is_not_an_image_is_refused(service: AnyService) -> None:
    with pytest.raises(BadInputError, match="not an image"):
        searching(service).search(ImageFile(b"not an image"), SearchRequest(k=5))


def test_a_service_that_does_not_answer_is_unavailable() -> None:
    remote = connect("phash", "http://127.0.0.1:9", timeout_s=1)
    with pytest.raises(UnavailableError, match=r"phash does not answer at .*127\.0"):
        remote.search(IMAGES[ImageId(3)], SearchRequest(k=5))
    assert remote.status()["available"] is False
    remote.close()


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, BadInputError),
        (405, UnavailableError),
        (409, BusyError),
        (413, TooLargeError),
        (415, UnsupportedImageError),
        (421, UnavailableError),
        (422, BadParameterError),
        (500, UnavailableError),
        (503, UnavailableError),
        (507, UnavailableError),
    ],
)
def test_what_another_process_refuses_is_refused_alike(
    status: int, error: type[Exception]
) -> None:
    with answering(problem(status, "that is why")) as remote:
        with pytest.raises(error, match="that is why") as raised:
            remote.search(IMAGES[ImageId(3)], SearchRequest(k=5))
        assert type(raised.value) is error
        assert remote.status()["available"] is False


STRANGERS = {
    "a page": httpx2.Response(200, html="<h1>It works!</h1>"),
    "nothing": httpx2.Response(204),
    "other JSON": httpx2.Response(200, json={"matches": "many"}),
    "a list": httpx2.Response(200, json=[]),
    "a deep list": httpx2.Response(200, content=b"[" * 100_000),
    "another service": httpx2.Response(
        200, json={"name": "color", "available": True, "count": 0, "index": {"lag": 0}}
    ),
    "elsewhere": httpx2.Response(301, headers={"location": "http://example.org"}),
    "a 404 of a proxy": httpx2.Response(404, html="<h1>Not Found</h1>"),
    "a 404 in JSON": httpx2.Response(404, json={"detail": "Not Found"}),
    "a 404 of ours": problem(404, "there is nothing at /api/phash"),
    "a 403 of a proxy": httpx2.Response(403, html="<h1>Forbidden</h1>"),
    "a 413 of a proxy": httpx2.Response(413, html="<h1>Too Large</h1>"),
    "a 502 of a proxy": httpx2.Response(502, html="<h1>Bad Gateway</h1>"),
}


@pytest.mark.parametrize("ids", [[3, 3], [2, 1], [0, 9], [1, 2, 3], [2.5], ["a"]])
def test_a_list_that_would_never_end_is_no_answer(ids: list[object]) -> None:
    answer = httpx2.Response(200, json={"image_ids": ids, "after": None})
    with (
        answering(answer) as remote,
        pytest.raises(UnavailableError, match="answered something else"),
    ):
        remote.ids(after=ImageId(0), limit=2)


@pytest.mark.parametrize("what", STRANGERS)
def test_a_wrong_address_is_said_and_is_no_answer(what: str) -> None:
    image, image_id = IMAGES[ImageId(3)], ImageId(3)
    with answering(STRANGERS[what]) as remote:
        calls: list[Callable[[], object]] = [
            lambda: remote.search(image, SearchRequest(k=5)),
            lambda: remote.search_by_id(image_id, SearchRequest(k=5)),
            lambda: remote.ids(limit=5),
        ]
        if what != "nothing":  # which is what a change answers
            calls += [
                lambda: remote.put({image_id: image.data}),
                lambda: remote.remove([image_id]),
            ]
        for call in calls:
            with pytest.raises(
                UnavailableError, match=r"http://phash.*services\.phash"
            ):
                call()
        state = remote.status()
        assert state["available"] is False
        assert "check that services.phash.url is right" in state["reason"]


@pytest.mark.parametrize("url", ["phash:33336", "127.0.0.1", "http://", "http://h:x"])
def test_what_is_no_address_is_refused_at_once(url: str) -> None:
    with pytest.raises(
        BadParameterError, match=r"services\.phash\.url.*not an address"
    ):
        connect("phash", url, timeout_s=1)
