"""However many uploads come at once, as many are in memory as fit there."""

import asyncio
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
from starlette.exceptions import HTTPException
from starlette.testclient import TestClient

from ambience.imaging import ImageFile, Limits
from ambience.service.capabilities import HoldsImages
from ambience.web.admission import Admission
from ambience.web.app import create_app
from ambience.web.uploads import UploadBudget
from tests.abilities import FakeService

SIZE = 100_000  # bytes of an upload
MANY = 60  # requests at once: more than there are threads for them
GUARD_S = 120  # so that no test hangs


class Slow(FakeService):
    """A service that takes its time, and notes how many images it has in hand."""

    def __init__(self) -> None:
        super().__init__("slow", HoldsImages)
        self.go_on, self.begun = threading.Event(), threading.Event()
        self.at_once = self.most = 0
        self._lock = threading.Lock()

    working_side: int | None = None
    put = remove = ids = FakeService.refuse

    def extract(self, images: Sequence[ImageFile]) -> list[object]:
        (image,) = images
        with self._lock:
            self.at_once += len(image.data) // SIZE
            self.most = max(self.most, self.at_once)
        self.begun.set()
        assert self.go_on.wait(GUARD_S)
        with self._lock:
            self.at_once -= len(image.data) // SIZE
        return [None]


@pytest.fixture
def slow() -> Iterator[Slow]:
    slow = Slow()
    yield slow
    slow.go_on.set()


def client_of(slow: Slow, *, images: float, wait_s: float) -> TestClient:
    admission = Admission(upload_bytes=int(SIZE * images), upload_wait_s=wait_s)
    return TestClient(create_app([slow], limits=Limits(), admission=admission))


def put(client: TestClient) -> int:
    answer = client.put("/api/slow/images/1", files={"image": bytes(SIZE)})
    return answer.status_code


def test_no_more_are_in_memory_than_fit_and_the_others_keep_no_thread(
    slow: Slow,
) -> None:
    with (
        client_of(slow, images=3.5, wait_s=GUARD_S) as client,
        ThreadPoolExecutor(MANY) as pool,
    ):
        answers = [pool.submit(put, client) for _ in range(MANY)]
        assert slow.begun.wait(GUARD_S)
        assert client.get("/api/slow").is_success
        slow.go_on.set()
        assert [answer.result(GUARD_S) for answer in answers] == [503] * MANY
    assert 0 < slow.most <= 3


def test_who_waits_too_long_is_told_when_to_come_again(slow: Slow) -> None:
    with (
        client_of(slow, images=1.5, wait_s=0.05) as client,
        ThreadPoolExecutor(1) as pool,
    ):
        pool.submit(put, client)
        assert slow.begun.wait(GUARD_S)
        answer = client.put("/api/slow/images/1", files={"image": bytes(SIZE)})
        slow.go_on.set()
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "5"
    assert "uploads_in_memory_mib" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("application/x-www-form-urlencoded", "at most 1 MiB"),
        ("application/json", "at most 1 MiB"),
        ("", "at most 1 MiB"),
    ],
)
def test_what_is_held_in_memory_is_small(slow: Slow, kind: str, words: str) -> None:
    with client_of(slow, images=1, wait_s=1) as client:
        headers = {"content-type": kind}
        answer = client.put("/api/slow/images/1", content=bytes(2**21), headers=headers)
    assert answer.status_code == 413
    assert words in answer.json()["detail"]


def test_a_form_of_large_fields_or_many_files_is_not_read(slow: Slow) -> None:
    with client_of(slow, images=1, wait_s=1) as client:
        field = client.put("/api/slow/images/1", files={"image": (None, b"x" * 2**17)})
        files = client.put("/api/slow/images/1", files=[("image", b"x")] * 5)
    assert (field.status_code, files.status_code) == (400, 400)


def test_who_came_first_goes_first() -> None:
    order: list[int] = []

    async def one(budget: UploadBudget, number: int, size: int) -> None:
        async with budget.taken(size):
            order.append(number)
            await asyncio.sleep(0)

    async def all_of_them() -> None:
        budget = UploadBudget(10, wait_s=GUARD_S)
        sizes = [6, 10_000, 3, 3, 3, 3]  # the second is larger than the whole
        await asyncio.gather(*(one(budget, i, size) for i, size in enumerate(sizes)))
        async with budget.taken(10):  # all of it is there again
            order.append(-1)

    asyncio.run(all_of_them())
    assert order == [0, 1, 2, 3, 4, 5, -1]


def test_who_goes_away_holds_up_nobody() -> None:
    async def story() -> None:
        budget = UploadBudget(10, wait_s=GUARD_S)

        async def take(size: int) -> None:
            async with budget.taken(size):
                pass

        async with budget.taken(6):
            large = asyncio.create_task(take(8))
            small = asyncio.create_task(take(4))
            await asyncio.sleep(0)
            large.cancel()
            await small  # which fits beside the first
        assert large.cancelled()
        await take(10)

    asyncio.run(story())


def test_a_timeout_of_the_work_itself_is_not_the_lines() -> None:
    async def story() -> None:
        budget = UploadBudget(10, wait_s=GUARD_S)
        with pytest.raises(TimeoutError):
            async with budget.taken(6):
                raise TimeoutError
        short = UploadBudget(10, wait_s=0.01)
        async with short.taken(6):
            with pytest.raises(HTTPException):
                async with short.taken(6):
                    raise AssertionError
        async with short.taken(10):
            pass

    asyncio.run(story())
