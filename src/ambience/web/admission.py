"""Which clients an application accepts, and how much they may upload."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ambience.core.settings import Settings

_MEBI = 2**20


@dataclass(frozen=True, slots=True)
class Admission:
    """What an application allows its clients.

    Attributes:
        allowed_origins: Origins of foreign pages that may send requests.
        upload_bytes: Memory for uploads that are processed at the same time.
        upload_wait_s: How long an upload waits for its share of that, in seconds.
    """

    allowed_origins: Sequence[str] = ()
    upload_bytes: int = 256 * _MEBI
    upload_wait_s: float = 30.0


DEFAULT_ADMISSION: Final = Admission()


def admission_from(settings: Settings) -> Admission:
    """Return what the settings allow."""
    return Admission(
        allowed_origins=settings.allowed_origins,
        upload_bytes=settings.server.uploads_in_memory_mib * _MEBI,
        upload_wait_s=settings.server.upload_wait_s,
    )
