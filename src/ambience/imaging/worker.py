"""A process that decodes images for another one, which may end it at any moment.

It reads messages (see `wire`) on standard input and answers on standard output, one
image at a time: first what the header says and how much memory the pixels take, then,
once told to go on, the pixels. It ends by itself at the end of its input, and when a
decode takes longer than it may.
"""

import gc
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO, Final, TypeAlias

import numpy as np

from ambience.core.errors import BadInputError
from ambience.core.features import Extractor, Image
from ambience.core.region import Region
from ambience.imaging import decoding, encoding
from ambience.imaging.decoders import memory_translated
from ambience.imaging.decoding import Permit
from ambience.imaging.formats import sniff
from ambience.imaging.limits import MEBI, Limits
from ambience.imaging.opening import ImageInfo, Opened, open_image
from ambience.imaging.provenance import Provenance, provenance, saved_from
from ambience.imaging.wire import TOO_SLOW_CODE, receive, send

_HEADER_BYTES: Final = 256 * MEBI  # texts of a PNG are unpacked to 16 MiB each
_SLACK: Final = 1.5  # times what the pixels are known to take: samples of 10 bits
_SLACK_BYTES: Final = 64 * MEBI
# Stacks of a decoder's threads, one for each processor.
_THREADS_BYTES: Final = 10 * MEBI * (os.cpu_count() or 1)

Result: TypeAlias = tuple[dict[str, Any], list[bytes | memoryview]]


class _Refused(BaseException):
    """The other side does not want the pixels."""


def main() -> None:
    """Decode until the input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the other process hears it, too
    source, sink = _own_pipes()
    # The current folder may be removed while this runs, which Pillow does not stand:
    # it asks for its name when it saves a picture, even into memory.
    os.chdir(os.path.abspath(os.sep))  # noqa: PTH100 -- the root, of a drive on Windows
    if sys.platform == "linux":  # where memory is short, this process is ended first
        with suppress(OSError):  # only a hint
            Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    gc.freeze()  # what is imported stays, and is not looked at again
    with suppress(BrokenPipeError):  # the other process has ended in the middle
        _work(source, sink)


def _work(source: BinaryIO, sink: BinaryIO) -> None:
    send(sink, {"ready": True})
    while True:
        try:
            message = receive(source)
        except EOFError:
            return
        answer = _answered(*message, source, sink)
        # What was taken is free again before the other side learns that it is.
        del message
        gc.collect()  # decoders are in cycles with their pixels
        gc.freeze()  # the rest stays: looking at it again takes as long as an image
        if answer is not None:
            result, parts = answer
            send(sink, result, *parts)
            del answer, result, parts


def _own_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Take standard input and output, so that nothing else reads or prints there."""
    source, sink = os.dup(0), os.dup(1)
    nowhere = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nowhere, 0)
    os.close(nowhere)
    os.dup2(2, 1)
    return os.fdopen(source, "rb"), os.fdopen(sink, "wb", buffering=0)


def _answered(
    header: Mapping[str, Any], data: bytes, source: BinaryIO, sink: BinaryIO
) -> Result | None:
    """Return what is made of an image, ``None`` if nobody wants it."""
    limits = Limits(**header["limits"])
    clock = _Clock(limits.max_decode_s)
    info: dict[str, Any] | None = None
    try:
        with _at_most(_HEADER_BYTES + len(data)), clock.running():
            opened = open_image(data, limits)
        info = _info(opened.info)

        def permit(cost: int) -> None:
            if cost > header["prepaid"]:
                clock.stop()
                send(sink, {"info": info, "cost": cost})
                if not receive(source)[0]["go"]:
                    raise _Refused  # noqa: TRY301 -- through all that decodes
                clock.start()
            _limit(round(_SLACK * cost) + _SLACK_BYTES + _THREADS_BYTES)

        task, options = header["task"], header["options"]
        with _unlimited_after(), clock.running(), memory_translated(sniff(data)):
            if task != "features":
                result, parts = _TASKS[task](opened, options, permit)
                return result | {"info": info}, parts
            known = provenance(opened)
            extractors = [_extractor(name) for name in options["extractors"]]
            sides = {extractor.working_side for extractor in extractors}
            images = decoding.working_images(opened, sides, permit) if sides else {}
        # Of a working size, features cost little; a mistake in one is no damaged file.
        result, parts = _extracted(extractors, images, known)
        return result | {"info": info}, parts
    except _Refused:
        return None
    except BadInputError as error:
        name = type(error).__name__
        return {"error": name, "sentence": str(error), "info": info}, []


def _info(info: ImageInfo) -> dict[str, Any]:
    return {
        "format": info.format,
        "size": info.size,
        "taken_at": info.taken_at and info.taken_at.isoformat(),
        "frames": info.frames,
    }


def _working(opened: Opened, options: Mapping[str, Any], permit: Permit) -> Result:
    sides = options["sides"]
    made = decoding.working_images(opened, sides, permit)
    images = list({id(image): image for image in made.values()}.values())
    parts: list[bytes | memoryview] = []
    for image in images:
        parts.append(image.pixels.data)
        parts += [] if image.alpha is None else [image.alpha.data]
    said = [
        {"shape": image.pixels.shape, "has_alpha": image.alpha is not None}
        for image in images
    ]
    numbers = {id(image): number for number, image in enumerate(images)}
    return {"images": said, "of": [numbers[id(made[side])] for side in sides]}, parts


def _full(opened: Opened, _: Mapping[str, Any], permit: Permit) -> Result:
    pixels = decoding.full_pixels(opened, permit)
    return {"shape": pixels.shape}, [pixels.data]


def _rendition(opened: Opened, options: Mapping[str, Any], permit: Permit) -> Result:
    side = options["longest_side"]
    return {}, [encoding.rendition(opened, longest_side=side, permit=permit)]


def _part(opened: Opened, options: Mapping[str, Any], permit: Permit) -> Result:
    return {}, [encoding.part(opened, Region(*options["region"]), permit)]


def _saved_from(opened: Opened, options: Mapping[str, Any], permit: Permit) -> Result:
    return {"saved_from": saved_from(opened, options["tables"], permit)}, []


def _extracted(
    extractors: Sequence[Extractor], images: Mapping[int, Image], known: Provenance
) -> Result:
    """Return the features of an image, by each extractor from the size it wants."""
    features = [one.extract([images[one.working_side]])[0] for one in extractors]
    rows = [np.ascontiguousarray(feature.rows) for feature in features]
    told = [
        {"shape": own.shape, "dtype": own.dtype.str, "quality": feature.quality}
        for own, feature in zip(rows, features, strict=True)
    ]
    past = {
        "names_camera": known.names_camera,
        "steps": known.steps,
        "is_lossless": known.is_lossless,
    }
    return {"features": told, "provenance": past}, [own.data for own in rows]


@cache
def _extractor(name: str) -> Extractor:
    """Return what ``module:function`` makes: imaging itself knows no extractor."""
    module, _, function = name.partition(":")
    extractor: Extractor = getattr(import_module(module), function)()
    return extractor


_TASKS: Final[Mapping[str, Callable[[Opened, Mapping[str, Any], Permit], Result]]] = {
    "working": _working,
    "full": _full,
    "rendition": _rendition,
    "part": _part,
    "saved_from": _saved_from,
}


class _Clock:
    """Ends this process once it has run for too long, whatever code is running.

    Args:
        seconds: How long it may run in all.
    """

    def __init__(self, seconds: float) -> None:
        self._left_s = seconds
        self._since = 0.0
        self._timer: threading.Timer | None = None

    @contextmanager
    def running(self) -> Iterator[None]:
        """Let it run during the block."""
        self.start()
        try:
            yield
        finally:
            self.stop()

    def start(self) -> None:
        """Let it run."""
        self._since = time.monotonic()
        left_s = max(self._left_s, 0.001)  # 0 would be never
        if sys.platform != "win32":
            signal.setitimer(signal.ITIMER_REAL, left_s)
        else:
            self._timer = threading.Timer(left_s, os._exit, [TOO_SLOW_CODE])
            self._timer.daemon = True
            self._timer.start()

    def stop(self) -> None:
        """Let it stand still."""
        if sys.platform != "win32":
            signal.setitimer(signal.ITIMER_REAL, 0)
        elif self._timer is not None:
            self._timer.cancel()
        self._left_s -= time.monotonic() - self._since
        self._since = time.monotonic()


@contextmanager
def _at_most(more_bytes: int) -> Iterator[None]:
    """Let this process take only so much more memory during the block."""
    with _unlimited_after():
        _limit(more_bytes)
        yield


@contextmanager
def _unlimited_after() -> Iterator[None]:
    try:
        yield
    finally:
        _limit(None)


def _limit(more_bytes: int | None) -> None:
    """Make the system refuse memory beyond what this process has now.

    What was estimated wrongly then ends in `MemoryError`, not in the end of a process
    that the system chooses. Only Linux counts what is meant here.
    """
    if sys.platform != "linux":
        return
    import resource  # noqa: PLC0415 -- is not there elsewhere

    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    limit = most
    if more_bytes is not None:
        with open("/proc/self/statm", "rb") as numbers:  # noqa: PTH123 -- 40 times a second
            limit = int(numbers.read().split()[5]) * resource.getpagesize() + more_bytes
        if most != resource.RLIM_INFINITY:
            limit = min(limit, most)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, most))


if __name__ == "__main__":
    main()
