"""The one place where bytes become pixels: formats, limits, orientation and color."""

from ambience.core.features import WORKING_SIDE
from ambience.imaging.decoder_pool import decoding_ends, shared_pool
from ambience.imaging.decodes import (
    Extracted,
    extracted,
    full_pixels,
    part,
    rendition,
    saved_from,
)
from ambience.imaging.encoding import THUMBNAIL_SIDE, png, thumbnail
from ambience.imaging.formats import EXTENSIONS, Format, sniff
from ambience.imaging.image_file import ImageFile
from ambience.imaging.in_memory import file_of
from ambience.imaging.limits import DEFAULT_LIMITS, Limits
from ambience.imaging.opening import ImageInfo
from ambience.imaging.provenance import Provenance

__all__ = [
    "DEFAULT_LIMITS",
    "EXTENSIONS",
    "THUMBNAIL_SIDE",
    "WORKING_SIDE",
    "Extracted",
    "Format",
    "ImageFile",
    "ImageInfo",
    "Limits",
    "Provenance",
    "decoding_ends",
    "extracted",
    "file_of",
    "full_pixels",
    "part",
    "png",
    "rendition",
    "saved_from",
    "shared_pool",
    "sniff",
    "thumbnail",
]
