"""A process that decodes images for another one, which may kill it at any moment.

It reads messages (see `worker_messages`) on standard input and answers on standard
output, one image at a time: first the header and how much memory the pixels need, then,
once told to continue, the result. It exits at the end of its input, or when a decode
exceeds its time limit.
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
from ambience.imaging.image_header import ImageInfo, OpenedImage, open_image
from ambience.imaging.limits import MEBI, Limits
from ambience.imaging.provenance import Provenance, provenance, saved_from
from ambience.imaging.worker_messages import TOO_SLOW_CODE, receive, send

_HEADER_BYTES: Final = 256 * MEBI  # each text of a PNG may unpack to 16 MiB
_SLACK: Final = 1.5  # times the estimated memory: 10-bit samples take more
_SLACK_BYTES: Final = 64 * MEBI
# The stacks of a decoder's threads, one per processor.
_THREADS_BYTES: Final = 10 * MEBI * (os.cpu_count() or 1)

Result: TypeAlias = tuple[dict[str, Any], list[bytes | memoryview]]


class _Refused(BaseException):
    """The other side doesn't want the pixels."""


def main() -> None:
    """Decode until the input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the other process handles it
    source, sink = _own_pipes()
    # Pillow asks for the current folder even when it saves a picture into memory, and
    # fails if that folder has been removed.
    os.chdir(Path(os.sep).absolute())  # the root, of a drive on Windows
    if sys.platform == "linux":  # if memory runs out, kill this process first
        with suppress(OSError):  # only a hint
            Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    gc.freeze()  # imported objects stay, so the collector needn't scan them
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
        # Free memory before the other side is told that it is free.
        del message
        gc.collect()  # decoders and their pixels refer to each other
        gc.freeze()  # the rest stays: scanning it again takes as long as an image
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
    """Return the result for an image; ``None`` if nobody wants it."""
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
                    raise _Refused  # noqa: TRY301 -- it must pass through the decoder
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
        # Features of working images cost little, so they need no limits here. And an
        # error in an extractor must not be taken for a damaged file.
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


def _working(opened: OpenedImage, options: Mapping[str, Any], permit: Permit) -> Result:
    sides = options["sides"]
    made = decoding.working_images(opened, sides, permit)
    images = list({id(image): image for image in made.values()}.values())
    parts: list[bytes | memoryview] = []
    for image in images:
        parts.append(image.pixels.data)
        parts += [] if image.alpha is None else [image.alpha.data]
    layouts = [
        {"shape": image.pixels.shape, "has_alpha": image.alpha is not None}
        for image in images
    ]
    numbers = {id(image): number for number, image in enumerate(images)}
    return {"images": layouts, "of": [numbers[id(made[side])] for side in sides]}, parts


def _full(opened: OpenedImage, _: Mapping[str, Any], permit: Permit) -> Result:
    pixels = decoding.full_pixels(opened, permit)
    return {"shape": pixels.shape}, [pixels.data]


def _rendition(
    opened: OpenedImage, options: Mapping[str, Any], permit: Permit
) -> Result:
    side = options["longest_side"]
    return {}, [encoding.rendition(opened, longest_side=side, permit=permit)]


def _part(opened: OpenedImage, options: Mapping[str, Any], permit: Permit) -> Result:
    return {}, [encoding.part(opened, Region(*options["region"]), permit)]


def _saved_from(
    opened: OpenedImage, options: Mapping[str, Any], permit: Permit
) -> Result:
    return {"saved_from": saved_from(opened, options["tables"], permit)}, []


def _extracted(
    extractors: Sequence[Extractor], images: Mapping[int, Image], known: Provenance
) -> Result:
    """Return the features of an image, one per extractor."""
    features = [one.extract([images[one.working_side]])[0] for one in extractors]
    rows = [np.ascontiguousarray(feature.rows) for feature in features]
    layouts = [
        {"shape": own.shape, "dtype": own.dtype.str, "quality": feature.quality}
        for own, feature in zip(rows, features, strict=True)
    ]
    past = {
        "names_camera": known.names_camera,
        "steps": known.steps,
        "is_lossless": known.is_lossless,
    }
    return {"features": layouts, "provenance": past}, [own.data for own in rows]


@cache
def _extractor(name: str) -> Extractor:
    """Return what ``module:function`` returns; imaging itself knows no extractor."""
    module, _, function = name.partition(":")
    extractor: Extractor = getattr(import_module(module), function)()
    return extractor


_TASKS: Final[
    Mapping[str, Callable[[OpenedImage, Mapping[str, Any], Permit], Result]]
] = {
    "working": _working,
    "full": _full,
    "rendition": _rendition,
    "part": _part,
    "saved_from": _saved_from,
}


class _Clock:
    """Ends this process once the clock has run too long, whatever code is running.

    Args:
        seconds: How long the clock may run in total.
    """

    def __init__(self, seconds: float) -> None:
        self._left_s = seconds
        self._since = 0.0
        self._timer: threading.Timer | None = None

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run the clock during the block."""
        self.start()
        try:
            yield
        finally:
            self.stop()

    def start(self) -> None:
        """Start the clock."""
        self._since = time.monotonic()
        left_s = max(self._left_s, 0.001)  # 0 would mean never
        if sys.platform != "win32":
            signal.setitimer(signal.ITIMER_REAL, left_s)
        else:
            self._timer = threading.Timer(left_s, os._exit, [TOO_SLOW_CODE])
            self._timer.daemon = True
            self._timer.start()

    def stop(self) -> None:
        """Stop the clock."""
        if sys.platform != "win32":
            signal.setitimer(signal.ITIMER_REAL, 0)
        elif self._timer is not None:
            self._timer.cancel()
        self._left_s -= time.monotonic() - self._since
        self._since = time.monotonic()


@contextmanager
def _at_most(more_bytes: int) -> Iterator[None]:
    """Limit how much more memory this process may take during the block."""
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
    """Limit how much more memory this process may take; ``None`` removes the limit.

    A wrong estimate then ends in `MemoryError`, and not in the system killing some
    process. Only Linux counts memory in the required way.
    """
    if sys.platform != "linux":
        return
    import resource  # noqa: PLC0415 -- doesn't exist on Windows

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
