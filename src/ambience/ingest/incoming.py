"""Images on their way in: decoded once, with all that is needed of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ambience.core.errors import AmbienceError
from ambience.core.features import ImageId
from ambience.imaging import ImageFile, ImageInfo, thumbnail
from ambience.ingest.sinks import Sinks


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """What is left of a file once it has been decoded.

    Attributes:
        sha256: Of the file.
        byte_count: Of the file.
        info: What its header says.
        thumbnail: An encoded one.
        extracted: By service name, what `HoldsImages.extract` returned.
        put_off: The names of services that get what they need later, from the file.
    """

    sha256: bytes
    byte_count: int
    info: ImageInfo
    thumbnail: bytes
    extracted: Mapping[str, object]
    put_off: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, eq=False)
class Arrival:
    """An image on its way in.

    Attributes:
        image_id: Its key; one that is known is replaced.
        prepared: What it holds.
        path: The user's file, if it is one.
        modified_ns: When that was last changed.
        upload: The bytes of one that has no file of the user's.
        keep: Whether the upload is kept as an original.
        is_new: The key was reserved for it: no image may have it yet.
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
    """Decode files, each once, and take from them all that is needed; from any thread.

    Args:
        images: The files.
        sinks: The services.
        put_off: Those of them that get what they need later.

    Returns:
        Of each, in order, what is needed, or why it can't be had; one that can't be
        decoded costs the others nothing.
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
    decoded = [image.image for image in images]  # all first: nothing is done twice
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
