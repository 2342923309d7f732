"""Extracts what services lack from images' files, each decoded once for all of them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ambience.catalog import ImageRecord
from ambience.core.errors import (
    AmbienceError,
    BadInputError,
    NotFoundError,
    UnavailableError,
)
from ambience.imaging import ImageFile, Limits
from ambience.ingest.originals import Originals
from ambience.ingest.regular_files import read_regular
from ambience.service import AnyService, required
from ambience.service.capabilities import HoldsImages


@dataclass(frozen=True, slots=True, eq=False)
class Due:
    """An image that services still have to get.

    Attributes:
        record: The image.
        services: The names of these services.
    """

    record: ImageRecord
    services: Sequence[str]

    @property
    def byte_count(self) -> int:
        """The size of its file."""
        return self.record.byte_count


@dataclass(frozen=True, slots=True, eq=False)
class Ready:
    """An image whose features are ready to be written.

    Attributes:
        record: The image.
        byte_count: The size of its file.
        extracted: What `HoldsImages.extract` returned, by service.
        refused: Why there is nothing, by service.
    """

    record: ImageRecord
    byte_count: int
    extracted: dict[str, object] = field(default_factory=dict)
    refused: dict[str, Exception] = field(default_factory=dict)


class Extraction:
    """Reads images and has services extract what they lack; on any thread.

    Args:
        originals: Knows the files.
        limits: The limits for images.
    """

    def __init__(self, originals: Originals, *, limits: Limits) -> None:
        self._originals = originals
        self._limits = limits

    def ready(
        self, part: Sequence[Due], services: Mapping[str, AnyService]
    ) -> list[Ready]:
        """Return what was extracted from each image, in order.

        Args:
            part: The images; each service gets those that wait for it together.
            services: The services that take part; others are left out.
        """
        held = {name: required(one, HoldsImages) for name, one in services.items()}
        sides = [side for one in held.values() if (side := one.working_side)]
        found: list[Ready] = []
        files: list[tuple[Due, Ready, ImageFile]] = []
        for due in part:
            ready = Ready(due.record, due.byte_count)
            found.append(ready)
            try:
                image = self._file(due.record, sides)
            except (AmbienceError, OSError) as error:
                wanted = [name for name in due.services if name in held]
                ready.refused.update(dict.fromkeys(wanted, error))
            else:
                files.append((due, ready, image))
        for name, service in held.items():
            those = [
                (ready, image) for due, ready, image in files if name in due.services
            ]
            _extract(name, service, those)
        return found

    def _file(self, record: ImageRecord, sides: Sequence[int]) -> ImageFile:
        file = self._originals.file_of(record)
        if file is None:
            raise NotFoundError("the image was not kept: send it again")
        data = read_regular(file, limits=self._limits, follow=record.path is not None)
        image = ImageFile(data, limits=self._limits, sides=sides)
        if image.sha256 != record.sha256:
            raise BadInputError("the file has changed: import its folder again")
        for side in sides:  # the first decode makes all of them, or fails for all
            image.at(side)
        return image


def _extract(
    name: str, service: HoldsImages, those: Sequence[tuple[Ready, ImageFile]]
) -> None:
    """Have a service extract images together; if it fails, one by one."""
    if not those:
        return
    try:
        extracted: Iterable[object] = service.extract([image for _, image in those])
    except UnavailableError as error:  # it says nothing about the images
        for ready, _ in those:
            ready.refused[name] = error
    except Exception as error:  # noqa: BLE001 -- one image must not stop everything
        if len(those) == 1:
            those[0][0].refused[name] = error
            return
        for one in those:
            _extract(name, service, [one])
    else:
        for (ready, _), of in zip(those, extracted, strict=True):
            ready.extracted[name] = of
