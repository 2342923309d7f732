"""Reads from EXIF which way is up, and when the picture was taken."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from ambience.imaging.tiff_tags import TagReader

MAKE: Final = 0x010F
ORIENTATION: Final = 0x0112
DATE_TIME: Final = 0x0132
EXIF_DIRECTORY: Final = 0x8769
DATE_TIME_ORIGINAL: Final = 0x9003
DATE_TIME_DIGITIZED: Final = 0x9004

_MARK: Final = b"Exif\x00\x00"
_UPRIGHT: Final = 1
_ORIENTATIONS: Final = range(1, 9)
_DATE_LETTERS: Final = 19  # YYYY:MM:DD HH:MM:SS
_FIRST_YEAR: Final = 1826  # the oldest surviving photograph


@dataclass(frozen=True, slots=True)
class Exif:
    """The parts of an EXIF block that are used.

    Attributes:
        orientation: 1 to 8 as in the standard; 1 is upright.
        taken_at: When the picture was taken by the camera's clock, without a time zone.
        names_camera: Whether it names the maker of the camera or the time of the shot.
            Programs that save a picture again often drop both.
    """

    orientation: int = _UPRIGHT
    taken_at: datetime | None = None
    names_camera: bool = False


def read_exif(block: bytes) -> Exif:
    """Read an EXIF block or a TIFF file; damaged parts are ignored."""
    tags = TagReader(block.removeprefix(_MARK))
    main = tags.directory(tags.first_offset)
    camera = tags.directory(tags.number(main, EXIF_DIRECTORY) or 0)
    orientation = tags.number(main, ORIENTATION) or _UPRIGHT
    if orientation not in _ORIENTATIONS:
        orientation = _UPRIGHT
    dates = (
        tags.text(camera, DATE_TIME_ORIGINAL),
        tags.text(camera, DATE_TIME_DIGITIZED),
        tags.text(main, DATE_TIME),
    )
    return Exif(
        orientation=orientation,
        taken_at=next((date for date in map(_date, dates) if date), None),
        names_camera=bool(tags.text(main, MAKE) or _date(dates[0])),
    )


def _date(text: str) -> datetime | None:
    try:
        date = datetime.strptime(text[:_DATE_LETTERS], "%Y:%m:%d %H:%M:%S")  # noqa: DTZ007 cameras write no zone
    except ValueError:
        return None
    return date if date.year >= _FIRST_YEAR else None
