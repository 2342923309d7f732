"""The one place where bytes become pixels: formats, limits, orientation and color."""

from ambience.imaging.decoding import WORKING_SIDE, full_pixels
from ambience.imaging.encoding import THUMBNAIL_SIDE, part, png, rendition, thumbnail
from ambience.imaging.formats import EXTENSIONS, Format, sniff
from ambience.imaging.image_file import ImageFile
from ambience.imaging.limits import DEFAULT_LIMITS, Limits
from ambience.imaging.opening import ImageInfo

__all__ = [
    "DEFAULT_LIMITS",
    "EXTENSIONS",
    "THUMBNAIL_SIDE",
    "WORKING_SIDE",
    "Format",
    "ImageFile",
    "ImageInfo",
    "Limits",
    "full_pixels",
    "part",
    "png",
    "rendition",
    "sniff",
    "thumbnail",
]
