"""Whatever an image does to the process that decodes it, the next one is decoded."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Self

import psutil
import pytest

from ambience.core.cancellation import Caller
from ambience.core.errors import (
    StoppedError,
    TooLargeError,
    TooSlowError,
    TruncatedImageError,
    UnavailableError,
)
from ambience.imaging import Limits
from ambience.imaging.decoder_pool import DecodeRequest, DecoderPool, DecoderReply
from tests.drawing import drawn_image, encode
from tests.slow_images import slow_image

WAIT_S = 120  # generous: a busy machine starts processes slowly
SMALL = encode(drawn_image(1, (60, 80)))
LONG = Limits(max_decode_s=600)  # what ends a decode is not its time

posix = pytest.mark.skipif(os.name == "nt", reason="no process can be halted there")


def request(
    data: bytes = SMALL, limits: Limits = LONG, caller: Caller | None = None
) -> DecodeRequest:
    return DecodeRequest(
        "working", {"sides": [640]}, data, limits, caller or Caller(patient=True)
    )


@pytest.fixture
def pool() -> Iterator[DecoderPool]:
    one = DecoderPool(size=1)
    yield one
    one.close()
    assert workers() == before_all


before_all: set[int] = set()


@pytest.fixture(autouse=True)
def others() -> None:
    """Other tests' workers, which may stay."""
    before_all.clear()
    before_all.update(workers())


def workers() -> set[int]:
    """The processes that decode for this one."""
    children = psutil.Process().children()
    return {p.pid for p in children if "ambience.imaging.worker" in p.cmdline()}


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def check_works(pool: DecoderPool) -> None:
    answer = pool.run(request())
    assert answer.failure is None
    assert answer.info is not None
    assert answer.info.size == (60, 80)


class Halted:
    """A pool whose only process is halted with an image in it."""

    def __init__(self, pool: DecoderPool, asked: DecodeRequest) -> None:
        check_works(pool)
        (self.pid,) = workers() - before_all
        os.kill(self.pid, signal.SIGSTOP)
        self._threads = ThreadPoolExecutor(1)
        self.answer: Future[DecoderReply] = self._threads.submit(pool.run, asked)
        until(lambda: bool(pool._at_work))  # noqa: SLF001 -- the process has it now

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._threads.shutdown()


def test_a_slow_image_is_ended_and_the_next_one_decodes(pool: DecoderPool) -> None:
    limits = Limits(max_decode_s=0.05)
    answer = pool.run(request(slow_image(), limits))
    assert isinstance(answer.failure, TooSlowError)
    assert "limits.max_decode_s" in str(answer.failure)
    check_works(pool)


def test_one_process_decodes_many(pool: DecoderPool) -> None:
    check_works(pool)
    first = workers()
    for _ in range(3):
        check_works(pool)
    broken = pool.run(request(SMALL[: len(SMALL) // 2]))
    assert isinstance(broken.failure, TruncatedImageError)
    assert broken.info is not None
    assert workers() == first


@posix
def test_a_process_that_is_killed_is_replaced(pool: DecoderPool) -> None:
    with Halted(pool, request()) as halted:
        os.kill(halted.pid, signal.SIGKILL)
        answer = halted.answer.result(WAIT_S)
    assert isinstance(answer.failure, TruncatedImageError)
    assert "broke down" in str(answer.failure)
    check_works(pool)


@posix
def test_one_that_dies_while_it_is_idle_is_replaced(pool: DecoderPool) -> None:
    check_works(pool)
    (pid,) = workers() - before_all
    os.kill(pid, signal.SIGKILL)
    psutil.Process(pid).wait(WAIT_S)
    check_works(pool)


@posix
def test_a_caller_who_goes_frees_the_process(pool: DecoderPool) -> None:
    caller = Caller()
    with Halted(pool, request(caller=caller)) as halted:
        caller.leave()
        with pytest.raises(StoppedError):
            halted.answer.result(WAIT_S)
    check_works(pool)
    with pytest.raises(StoppedError):
        pool.run(request(caller=caller))


@posix
def test_who_does_not_wait_for_ever_is_told_so() -> None:
    pool, caller = DecoderPool(size=1, patience_s=0.01), Caller(patient=True)
    with Halted(pool, request(caller=caller)):
        with pytest.raises(UnavailableError, match="busy"):
            pool.run(request(caller=Caller()))
        caller.leave()
    pool.close()


@posix
def test_a_stop_ends_what_is_under_way_and_what_waits(pool: DecoderPool) -> None:
    with Halted(pool, request()) as halted, ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(pool.run, request())
        until(lambda: pool.places.waiting == 1)
        pool.stop()
        for answer in (halted.answer, waiting):
            with pytest.raises(StoppedError):
                answer.result(WAIT_S)
        with pytest.raises(StoppedError):
            pool.run(request())
    pool.resume()
    check_works(pool)


def test_what_needs_more_memory_than_all_may_take_is_refused(pool: DecoderPool) -> None:
    limits = Limits(decoding_bytes=4 * 2**20)
    answer = pool.run(request(limits=limits))
    assert isinstance(answer.failure, TooLargeError)
    assert "limits.decoding_mib" in str(answer.failure)
    assert answer.info is not None
    check_works(pool)


@posix
def test_without_processes_it_says_so_until_there_are_some(
    pool: DecoderPool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert pool.trouble(1) is None
    for wrong in (tmp_path / "none", Path("/bin/false")):
        with monkeypatch.context() as patch:
            patch.setattr(sys, "executable", str(wrong))
            with pytest.raises(UnavailableError, match="can't be decoded now"):
                pool.run(request())
            assert "can't be decoded now" in str(pool.trouble(1))
            # Asked again, it tries again, on a thread of its own.
            until(lambda: not trying(pool))
            assert pool.trouble(1) is not None
            until(lambda: not trying(pool))
        until(lambda: pool.trouble(1) is None)
        until(lambda: not trying(pool))
        check_works(pool)
        pool.close()
        pool.resume()


def trying(pool: DecoderPool) -> bool:
    return any(t.name == "decoder-start" for t in threading.enumerate()) and bool(pool)


FORKED = """
import os, sys
from pathlib import Path
from typing import Self
from ambience.imaging import ImageFile
data = Path(sys.argv[1]).read_bytes()
assert ImageFile(data).image.size == (60, 80)
child = os.fork()
assert ImageFile(data).image.size == (60, 80)
if child:
    assert os.waitpid(child, 0)[1] == 0
    assert ImageFile(data).image.size == (60, 80)
"""


@posix
def test_a_process_that_is_forked_has_a_pool_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "image").write_bytes(SMALL)
    words = [sys.executable, "-W", "ignore", "-c", FORKED, str(tmp_path / "image")]
    subprocess.run(words, check=True, timeout=WAIT_S)


ORPHANED = """
import os, sys
from pathlib import Path
from typing import Self
from ambience.imaging import ImageFile, shared_pool
assert ImageFile(Path(sys.argv[1]).read_bytes()).image.size == (60, 80)
print(*[worker.pid for worker in shared_pool()._idle], flush=True)
os.kill(os.getpid(), 9)
"""


@posix
def test_a_process_ends_with_the_one_that_it_decodes_for(tmp_path: Path) -> None:
    (tmp_path / "image").write_bytes(SMALL)
    words = [sys.executable, "-c", ORPHANED, str(tmp_path / "image")]
    done = subprocess.run(
        words, stdout=subprocess.PIPE, text=True, check=False, timeout=WAIT_S
    )
    assert done.returncode == -signal.SIGKILL
    pid = int(done.stdout)
    until(lambda: not psutil.pid_exists(pid))


def test_nothing_of_the_current_folder_stands_in_for_a_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pool: DecoderPool
) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit(9)")
    (tmp_path / "numpy.py").write_text("raise SystemExit(9)")
    monkeypatch.chdir(tmp_path)
    check_works(pool)


@posix
def test_the_current_folder_may_be_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pool: DecoderPool
) -> None:
    folder = tmp_path / "current"
    folder.mkdir()
    monkeypatch.chdir(folder)
    check_works(pool)
    folder.rmdir()
    tiff = encode(drawn_image(1, (60, 80)), "TIFF")
    shown = DecodeRequest(
        "rendition", {"longest_side": 80}, tiff, LONG, Caller(patient=True)
    )
    assert pool.run(shown).failure is None


def test_a_process_that_nobody_listens_to_ends_without_a_word() -> None:
    command = [sys.executable, "-P", "-m", "ambience.imaging.worker"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(WAIT_S) == 0


def test_an_end_right_after_the_start_says_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    pool = DecoderPool(size=1)
    pool.warm_up()
    pool.close()
    start = pool._start  # noqa: SLF001 -- there is no other way to wait for it
    assert start is not None
    start.join(WAIT_S)
    assert caplog.records == []
