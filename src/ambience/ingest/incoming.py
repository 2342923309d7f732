"""Images to be added: decoded once, with everything that is derived from them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ambience.core.errors import AmbienceError
from ambience.core.features import ImageId
from ambience.imaging import ImageFile, ImageInfo, thumbnail
from ambience.ingest.sinks import Sinks


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """What is derived from a file when it is decoded.

    Attributes:
        sha256: The hash of the file.
        byte_count: The size of the file.
        info: The contents of its header.
        thumbnail: An encoded thumbnail.
        extracted: What `HoldsImages.extract` returned, by service.
        put_off: The services that get what they need later, from the file.
    """

    sha256: bytes
    byte_count: int
    info: ImageInfo
    thumbnail: bytes
    extracted: Mapping[str, object]
    put_off: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, eq=False)
class Arrival:
    """An image to be added.

    Attributes:
        image_id: Its key; a known image is replaced.
        prepared: What was derived from it.
        path: The user's file, if it is one.
        modified_ns: When that file was last changed.
        upload: The bytes, if there is no file of the user's.
        keep: Whether the upload is kept as an original.
        is_new: Whether the key was reserved for it: no image may have it yet.
    """

    image_id: ImageId
    prepared: Prepared
    path: Path | None = None
    modified_ns: int | None = None
    upload: bytes = b""
    keep: bool = False
    is_new: bool = False


def prepare(
    images: Sequence[ImageFile], sinks: Sinks, *, put_off: frozenset[str] = frozenset()
) -> list[Prepared | AmbienceError]:
    """Decode files, each once, and derive everything needed from them; on any thread.

    Args:
        images: The files.
        sinks: The services.
        put_off: The services that get what they need later.

    Returns:
        For each file, in order, what is derived from it, or why that failed; a file
        that can't be decoded does not affect the others.
    """
    try:
        return [*_prepared(images, sinks, put_off)]
    except AmbienceError as error:
        if len(images) == 1:
            return [error]
    return [one for image in images for one in prepare([image], sinks, put_off=put_off)]


def _prepared(
    images: Sequence[ImageFile], sinks: Sinks, put_off: frozenset[str]
) -> list[Prepared]:
    decoded = [image.image for image in images]  # all first, so that nothing is redone
    extracted = sinks.extract(images, put_off=put_off)
    return [
        Prepared(
            sha256=image.sha256,
            byte_count=len(image.data),
            info=image.info,
            thumbnail=thumbnail(pixels),
            extracted=of,
            put_off=put_off,
        )
        for image, pixels, of in zip(images, decoded, extracted, strict=True)
    ]
