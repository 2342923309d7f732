"""Messages to and from a decoder process: a header in JSON, then bytes."""

import json
import struct
from collections.abc import Mapping
from typing import Any, BinaryIO, Final, TypeAlias

MessageHeader: TypeAlias = Mapping[str, Any]

TOO_SLOW_CODE: Final = 75  # exit code of a worker, on systems without an alarm signal
_LENGTHS: Final = struct.Struct(">IQ")  # bytes of the header, and of what follows


def send(pipe: BinaryIO, header: MessageHeader, *parts: bytes | memoryview) -> None:
    """Write a message to an unbuffered pipe.

    Raises:
        OSError: If the other side has closed the pipe.
    """
    words = json.dumps(header).encode()
    views = [memoryview(part).cast("B") for part in parts]
    lengths = _LENGTHS.pack(len(words), sum(len(view) for view in views))
    for view in (memoryview(lengths + words), *views):
        left = view
        while left:
            left = left[pipe.write(left) :]


def receive(pipe: BinaryIO) -> tuple[dict[str, Any], bytes]:
    """Read a message from a buffered pipe; return its header and what follows.

    Raises:
        EOFError: If the pipe ends before the message does.
    """
    header_bytes, payload_bytes = _LENGTHS.unpack(_exactly(pipe, _LENGTHS.size))
    header: dict[str, Any] = json.loads(_exactly(pipe, header_bytes))
    return header, _exactly(pipe, payload_bytes)


def _exactly(pipe: BinaryIO, count: int) -> bytes:
    data = pipe.read(count)
    if len(data) < count:
        raise EOFError("the other side has ended")
    return data
