"""A library of images, opened: add, search, find duplicates, remove."""

import logging
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Self

from ambience.catalog import ImageRecord
from ambience.core.errors import BadInputError, BadParameterError, NotFoundError
from ambience.core.features import ImageId
from ambience.core.matches import FusedMatch
from ambience.core.region import Region
from ambience.core.settings import Settings, load_settings
from ambience.fusion import MIN_SCORE
from ambience.imaging import ImageFile
from ambience.ingest import Arrival, Progress, Report
from ambience.ingest.folders import absolute
from ambience.library.answers import (
    DuplicateImages,
    LibraryImage,
    LibraryMatch,
    SearchResult,
)
from ambience.library.questions import image_file, question
from ambience.library.system import System, fetcher_from
from ambience.search.duplicates import library_duplicates
from ambience.service import MAX_K

_log = logging.getLogger(__name__)

_PAGE = 1000  # images read from the catalog at once
_NEAR_BITS = 64  # of 576: what the hash takes for the same picture


class Library:
    """A folder with a library of images: all that a server serves, without a server.

    Any number of threads may call anything at once, and so may other processes on the
    same folder. Close it at the end, or use it in a ``with`` statement.

        with Library.open("photos.ambience") as library:
            library.add_folder("~/Pictures")
            for match in library.search("crop.jpg"):
                print(match.relation, match.score, match.path)
    """

    def __init__(self, system: System) -> None:
        self.system = system

    @classmethod
    def open(
        cls, folder: str | os.PathLike[str] | None = None, **settings: Any
    ) -> Self:
        """Open a library; a folder that is not there is made.

        Args:
            folder: Its data folder; None: the one that commands use by default.
            **settings: Fields of `ambience.core.settings.Settings`; they stand above
                the environment and ``ambience.toml``.

        Raises:
            BadParameterError: If the folder can't be used, or a setting is wrong.
            StoredDataError: If what is stored there can't be used as it is.
        """
        data = None if folder is None else Path(folder)
        return cls.of(load_settings(data=data, **settings))

    @classmethod
    def of(cls, settings: Settings, *, to_write: bool = False) -> Self:
        """Open the library that settings name.

        Args:
            settings: The configuration.
            to_write: Whether it must be possible to change something.
        """
        fetcher = fetcher_from(settings, alone=True)
        return cls(System.open(settings, fetcher=fetcher, to_write=to_write))

    def close(self) -> None:
        """Write what is to be written, and release everything."""
        self.system.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __len__(self) -> int:
        return len(self.system.parts.catalog)

    def __iter__(self) -> Iterator[LibraryImage]:
        after: ImageId | None = None
        catalog = self.system.parts.catalog
        while ids := catalog.ids(after=after, limit=_PAGE):
            yield from map(self._image, catalog.find(ids))
            after = ids[-1]

    def __contains__(self, image_id: object) -> bool:
        return isinstance(image_id, int) and bool(
            self.system.parts.catalog.find([ImageId(image_id)])
        )

    def image(self, image_id: int) -> LibraryImage:
        """Return an image of the library.

        Raises:
            NotFoundError: If there is none with this id.
        """
        return self._image(self.system.parts.catalog.get(ImageId(image_id)))

    def add(self, image: object) -> LibraryImage:
        """Add one image; when it returns, the image is there to stay and is found.

        A service that can't take it now gets it later, and the log says so.

        Args:
            image: The path of a file, which stays where it is and is only ever read;
                or what the library keeps a file of itself: an address, bytes, a Pillow
                image, or an array (see `ambience.imaging.file_of`).

        Raises:
            BadInputError: If it can't be decoded, or is larger than the limits allow.
        """
        if isinstance(image, str | os.PathLike) and Path(image).is_file():
            return self._add_file(Path(image))
        parts = self.system.parts
        file = image_file(image, limits=parts.limits, fetcher=parts.fetcher)
        return self._image(self._add_upload(file))

    def add_folder(
        self,
        *folders: str | os.PathLike[str],
        on_progress: Callable[[Progress], None] = lambda _: None,
        on_follow: Callable[[Progress], None] = lambda _: None,
        stop: threading.Event | None = None,
        again: bool = False,
        wait: bool = True,
    ) -> Report:
        """Add all images of folders and their folders; the files are only ever read.

        What was added before is skipped, so it can be stopped and go on at any time.
        First all files are taken in, each of which is then found by the quick services
        (as the same picture); after that, slow services get them (and find parts).

        Args:
            *folders: Folders, or single files.
            on_progress: Told after every file.
            on_follow: Told after every image that a slow service has got.
            stop: Set it to end early; what was reported as done is done.
            again: Also take files whose image was removed before.
            wait: Whether to return only when slow services have got everything that
                waits for them; else a server on the same folder goes on with it, or
                the next call.

        Raises:
            BadParameterError: If one does not exist.
        """
        paths = [Path(folder).expanduser() for folder in folders]
        stop = stop or threading.Event()
        report = self.system.importer.run(
            paths, on_progress=on_progress, stop=stop, again=again, wait=False
        )
        backlog = self.system.parts.backlog
        if wait:
            for name, made in backlog.finish(stop=stop, on_progress=on_follow).items():
                report.followed[name] = made.put
                if made.ended:
                    report.unavailable[name] = made.ended
        backlog.note(report)
        return report

    def search(  # noqa: PLR0913 -- what a search may be told, each by name
        self,
        query: object,
        *,
        k: int = 20,
        region: Region | tuple[int, int, int, int] | None = None,
        services: Sequence[str] = (),
        copies_only: bool = False,
        min_score: float = MIN_SCORE,
    ) -> SearchResult:
        """Find an image's original, its copies and its likes, with the reasons.

        Args:
            query: The path or the address of an image, bytes, a Pillow image, an array,
                the id of an image of the library, or words.
            k: How many matches at most, 1 to `MAX_K`.
            region: The part of the image to search with, ``(x, y, width, height)`` in
                pixels as displayed.
            services: Whom to ask; empty: all.
            copies_only: Answer only that it is the same picture.
            min_score: Answer no claim that is less probable, 0 to 1.

        Raises:
            BadInputError: If the query is none, can't be decoded, or ``k`` or
                ``min_score`` is out of range.
            NotFoundError: If there is no such image or service.
        """
        if not 1 <= k <= MAX_K:
            raise BadParameterError(f"k must be between 1 and {MAX_K}")
        if not 0 <= min_score <= 1:
            raise BadParameterError("min_score must be between 0 and 1")
        parts = self.system.parts
        part = Region(*region) if isinstance(region, tuple) else region
        found = parts.searcher.search(
            question(query, limits=parts.limits, fetcher=parts.fetcher, region=part),
            k=k,
            services=services,
            copies_only=copies_only,
            min_score=min_score,
        )
        return SearchResult(self._found(found.matches), found.unavailable, found)

    def similar(self, image_id: int, *, k: int = 20) -> SearchResult:
        """Find images like one of the library, which itself is left out.

        Raises:
            NotFoundError: If nobody knows it.
        """
        return self.search(image_id, k=k)

    def duplicates(
        self, *, radius: int = _NEAR_BITS, turned: bool = True, parts: bool = False
    ) -> Iterator[DuplicateImages]:
        """Find images that are the same picture, the largest groups first.

        Args:
            radius: How many of 576 bits of the hash may differ between neighbors.
            turned: Whether mirrored and turned copies count; takes eight times as long.
            parts: Whether to find crops, and images that show others: as long as a
                search with every image.

        Raises:
            UnavailableError: If a service that finds them is not there.
        """
        resources = self.system.parts
        for group in library_duplicates(
            resources.services,
            resources.catalog,
            resources.originals,
            radius=radius,
            turned=turned,
            parts=parts,
            calibration=resources.searcher.calibration,
            limits=resources.limits,
        ):
            yield DuplicateImages(
                self.image(group.keeper.image_id),
                self._found([one.match for one in group.others]),
                self._found([one.match for one in group.parts]),
            )

    def remove(self, image_id: int) -> None:
        """Forget an image; a file of the user's is left alone.

        A file that the library keeps goes to its trash.

        Raises:
            NotFoundError: If nobody knows it.
            BusyError: If another process is changing it.
        """
        self.system.parts.writer.delete(ImageId(image_id))

    def _add_file(self, path: Path) -> LibraryImage:
        (path,) = absolute([path])
        report = self.system.importer.run([path], again=True)
        if report.failed:
            raise BadInputError(f"{path}: {report.failed[0].reason}")
        known = self.system.parts.catalog.files_in(path).get(path)
        if known is None:
            raise NotFoundError(f"{path} was removed again while it was added")
        return self.image(known.image_id)

    def _add_upload(self, file: ImageFile) -> ImageRecord:
        parts = self.system.parts
        prepared = parts.writer.prepare(file)
        (image_id,) = parts.catalog.reserve_ids(1)
        arrival = Arrival(image_id, prepared, upload=file.data, keep=True, is_new=True)
        for name, reason in parts.writer.put([arrival]).items():
            _log.warning("%s could not take image %s: %s", name, image_id, reason)
        return parts.catalog.get(image_id)

    def _found(self, matches: Sequence[FusedMatch]) -> list[LibraryMatch]:
        ids = [match.image_id for match in matches]
        images = {
            record.image_id: self._image(record)
            for record in self.system.parts.catalog.find(ids)
        }
        return [LibraryMatch(images.get(match.image_id), match) for match in matches]

    def _image(self, record: ImageRecord) -> LibraryImage:
        originals = self.system.parts.originals
        return LibraryImage(
            record.image_id, record, lambda one: originals.thumbnail(one.sha256)
        )
