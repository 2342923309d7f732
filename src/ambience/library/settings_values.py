"""Values that follow from the settings, without opening anything."""

from pathlib import Path

import platformdirs

from ambience.core.settings import Settings
from ambience.imaging import Limits

_MEBI = 2**20


def data_path(settings: Settings) -> Path:
    """Return the path of the one folder that ambience writes to."""
    data = settings.data or Path(platformdirs.user_data_path("ambience"))
    return data.expanduser().absolute()


def limits_from(settings: Settings) -> Limits:
    """Return the limits for images."""
    limits = settings.limits
    return Limits(
        max_bytes=limits.max_file_mib * _MEBI,
        max_megapixels=limits.max_megapixels,
        max_frames=limits.max_frames,
        max_decode_s=limits.max_decode_s,
        decoding_bytes=limits.decoding_mib * _MEBI,
    )
