"""Turns whatever a library is searched with into a question."""

import asyncio
import errno
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from numbers import Integral
from pathlib import Path
from stat import S_ISDIR

from ambience.core.errors import BadParameterError
from ambience.core.features import MAX_IMAGE_ID, ImageId
from ambience.core.region import Region
from ambience.imaging import EXTENSIONS, Limits, file_of
from ambience.ingest.fetching.fetcher import Fetcher
from ambience.search.questions import ById, ByImage, ByWords, Question

# How looking up a name fails if it is not a path: words, and long sentences.
_NO_PATH = {errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.EINVAL}
_ADDRESS = ("http://", "https://")


def question(
    asked: object,
    *,
    limits: Limits,
    fetcher: Fetcher | None,
    region: Region | None = None,
) -> Question:
    """Return the question to search with; its image is read or fetched.

    Args:
        asked: A number is the id of an image in the library; bytes are a file; a string
            is the address of an image, the path of a file if there is one, or words; a
            path is the path of a file; anything else is an image in memory, see
            `ambience.imaging.file_of`.
        limits: The limits for images.
        fetcher: Fetches images from the internet; None if that is not allowed.
        region: The part of the image to search with.

    Raises:
        BadParameterError: If it is none of these, a file can't be read, it is an
            address and nothing may be fetched, or words have a region.
        BadInputError: If it is larger than the limits allow.
        FetchError: If an address returned no image.
    """
    match asked:
        case bool():
            raise _no_query(asked)
        case Integral():  # NumPy's integers, too
            return ById(checked_id(int(asked)), region)
        case str() if not _is_image(asked):
            if region is not None:
                raise BadParameterError("a region needs an image: words have none")
            return ByWords(asked)
        case _:
            data, limits = image_data(asked, limits=limits, fetcher=fetcher)
            return ByImage(data, region, limits)


def checked_id(number: int) -> ImageId:
    """Return a number as an image id.

    Raises:
        BadParameterError: If it is out of range.
    """
    if not 0 <= number <= MAX_IMAGE_ID:
        raise BadParameterError(f"an id is between 0 and {MAX_IMAGE_ID}")
    return ImageId(number)


def image_data(
    asked: object, *, limits: Limits, fetcher: Fetcher | None
) -> tuple[bytes, Limits]:
    """Return the file of an image, and its limits.

    Args:
        asked: A path, an address, bytes, or an image in memory.
        limits: The limits for images.
        fetcher: See `question`.

    Raises:
        BadParameterError: See `question`.
        BadInputError: If it is larger than the limits allow.
        FetchError: If an address returned no image.
    """
    match asked:
        case bytes() | bytearray() | memoryview():
            return bytes(asked), limits
        case str() if asked.lower().startswith(_ADDRESS):
            return _fetched(asked, fetcher), limits
        case str() | os.PathLike():
            return _read(Path(asked), limits), limits
    data = file_of(asked)
    if data is None:
        raise _no_query(asked)
    # An image in memory may be encoded in more bytes than the file it came from.
    return data, replace(limits, max_bytes=max(limits.max_bytes, len(data)))


def _read(path: Path, limits: Limits) -> bytes:
    """Return the content of a file that is within the limits.

    Raises:
        TooLargeError: If it is larger than the limits allow; it is not read further.
        BadParameterError: If there is no such file, or it can't be read.
    """
    try:
        limits.check_bytes(path.stat().st_size)
        with path.open("rb") as file:  # a pipe has no size, and a file may grow
            data = file.read(limits.max_bytes + 1)
    except OSError as error:
        if error.errno in _NO_PATH:
            raise BadParameterError(f"there is no file {path}") from error
        raise BadParameterError(f"{path} can't be read: {error.strerror}") from error
    limits.check_bytes(len(data))
    return data


def _is_image(text: str) -> bool:
    """Distinguish addresses and (intended) paths from words.

    The name of a missing image file is not taken for words, which would find anything.
    """
    if text.lower().startswith(_ADDRESS) or Path(text).suffix.lower() in EXTENSIONS:
        return True
    try:
        is_folder = S_ISDIR(Path(text).stat().st_mode)
    except OSError as error:
        return error.errno not in _NO_PATH
    except ValueError:  # it contains a null character
        return False
    # "beach" is a word even if there is a folder of that name.
    return not is_folder or Path(text).name != text


def _fetched(address: str, fetcher: Fetcher | None) -> bytes:
    if fetcher is None:
        raise BadParameterError(
            "images are not fetched from the internet because search_by_url.enabled is "
            "false: download it, and search with the file"
        )
    # In its own thread, because a notebook's thread already has an event loop.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, fetcher.fetch(address)).result()


def _no_query(asked: object) -> BadParameterError:
    return BadParameterError(
        f"can't search with a {type(asked).__name__}: give an image (a path, an "
        "address, bytes, a Pillow image or an array), an id, or words"
    )
