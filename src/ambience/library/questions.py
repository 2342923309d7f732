"""Makes a question of whatever a library is searched with."""

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

# What names that are no paths fail with: words, and long sentences.
_NO_PATH = {errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.EINVAL}
_ADDRESS = ("http://", "https://")


def question(
    asked: object,
    *,
    limits: Limits,
    fetcher: Fetcher | None,
    region: Region | None = None,
) -> Question:
    """Return what to search with, read or fetched.

    Args:
        asked: A number is the id of an image of the library; bytes are a file; a text
            is the address of an image, the path of a file where there is one, or words;
            a path is that of a file; else an image in memory, see
            `ambience.imaging.file_of`.
        limits: What an image may cost.
        fetcher: Fetches images from the internet; None: that is not done.
        region: The part of the image to search with.

    Raises:
        BadParameterError: If it can be none of these, a file can't be read, an address
            is given where nothing is fetched, or words are given a region.
        BadInputError: If it is larger than the limits allow.
        FetchError: If an address gave no image.
    """
    match asked:
        case bool():
            raise _no_query(asked)
        case Integral():  # that of NumPy as well
            return ById(checked_id(int(asked)), region)
        case str() if not _is_image(asked):
            if region is not None:
                raise BadParameterError("words have no region, only an image does")
            return ByWords(asked)
        case _:
            data, limits = image_data(asked, limits=limits, fetcher=fetcher)
            return ByImage(data, region, limits)


def checked_id(number: int) -> ImageId:
    """Return a number as the id of an image.

    Raises:
        BadParameterError: If it can be none.
    """
    if not 0 <= number <= MAX_IMAGE_ID:
        raise BadParameterError(f"an id is between 0 and {MAX_IMAGE_ID}")
    return ImageId(number)


def image_data(
    asked: object, *, limits: Limits, fetcher: Fetcher | None
) -> tuple[bytes, Limits]:
    """Return the file of an image, and what it may cost.

    Args:
        asked: A path, an address, bytes, or an image in memory.
        limits: What any image may cost.
        fetcher: See `question`.

    Raises:
        BadParameterError: As `question` does.
        BadInputError: If it is larger than the limits allow.
        FetchError: If an address gave no image.
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
    # What is packed less tightly than the file it comes from is no larger image.
    return data, replace(limits, max_bytes=max(limits.max_bytes, len(data)))


def _read(path: Path, limits: Limits) -> bytes:
    """Return the content of a file that is within the limits.

    Raises:
        TooLargeError: More bytes than the limits allow; no more than those are read.
        BadParameterError: There is no such file, or it can't be read.
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
    """Tell an address, and what is or is meant as a path, from words.

    A file that is not there is not looked for as words: that would answer anything.
    """
    if text.lower().startswith(_ADDRESS) or Path(text).suffix.lower() in EXTENSIONS:
        return True
    try:
        is_folder = S_ISDIR(Path(text).stat().st_mode)
    except OSError as error:
        return error.errno not in _NO_PATH
    except ValueError:  # it holds a null character
        return False
    # "beach" stays a word where there is a folder of that name.
    return not is_folder or Path(text).name != text


def _fetched(address: str, fetcher: Fetcher | None) -> bytes:
    if fetcher is None:
        raise BadParameterError(
            "images are not fetched from the internet, as search_by_url.enabled is "
            "false: download it, and search with the file"
        )
    # In a thread of its own, as a notebook has an event loop in this one.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, fetcher.fetch(address)).result()


def _no_query(asked: object) -> BadParameterError:
    return BadParameterError(
        f"a {type(asked).__name__} is nothing to search with: give an image (a path, "
        "an address, bytes, a Pillow image or an array), an id, or words"
    )
