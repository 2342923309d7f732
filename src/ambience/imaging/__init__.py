"""The one place where bytes become pixels: formats, limits, orientation and color."""

from ambience.core.features import WORKING_SIDE
from ambience.imaging.decoder_client import (
    ExtractedFeatures,
    extracted,
    full_pixels,
    part,
    rendition,
    saved_from,
)
from ambience.imaging.decoder_pool import shared_pool, stop_decoding
from ambience.imaging.encoding import THUMBNAIL_SIDE, png, thumbnail
from ambience.imaging.formats import EXTENSIONS, Format, sniff
from ambience.imaging.image_file import ImageFile
from ambience.imaging.image_header import ImageInfo
from ambience.imaging.limits import DEFAULT_LIMITS, Limits
from ambience.imaging.memory_images import file_of
from ambience.imaging.provenance import Provenance

__all__ = [
    "DEFAULT_LIMITS",
    "EXTENSIONS",
    "THUMBNAIL_SIDE",
    "WORKING_SIDE",
    "ExtractedFeatures",
    "Format",
    "ImageFile",
    "ImageInfo",
    "Limits",
    "Provenance",
    "extracted",
    "file_of",
    "full_pixels",
    "part",
    "png",
    "rendition",
    "saved_from",
    "shared_pool",
    "sniff",
    "stop_decoding",
    "thumbnail",
]
