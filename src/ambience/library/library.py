"""An open library of images: add, search, find duplicates, remove."""

import logging
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from ambience.catalog import ImageRecord
from ambience.catalog.catalog import Position
from ambience.core.errors import BadInputError, BadParameterError, NotFoundError
from ambience.core.features import ImageId
from ambience.core.matches import FusedMatch
from ambience.core.region import Region
from ambience.core.settings import Settings, load_settings
from ambience.fusion import MIN_SCORE
from ambience.ingest import Arrival, Progress, Report
from ambience.ingest.folders import absolute
from ambience.ingest.incoming import Prepared
from ambience.library.answers import (
    DuplicateImages,
    LibraryImage,
    LibraryMatch,
    SearchResult,
)
from ambience.library.components import Components
from ambience.library.questions import checked_id, image_data, question
from ambience.search.duplicate_groups import DuplicateGroup
from ambience.search.duplicates import library_duplicates
from ambience.search.questions import Question
from ambience.search.reverse_search import ReverseSearch
from ambience.service import MAX_K

_log = logging.getLogger(__name__)

_PAGE = 1000  # images read from the catalog at once
_NEAR_BITS = 64  # of 576: hashes within it are taken for the same picture
_WAITING = "waiting"  # the state of a service that gets an image later
_K = 20  # matches, which fill a page


class Library:
    """A folder with a library of images: everything a server offers, without a server.

    Any number of threads may call it at the same time, and other processes may use the
    same folder. Close it at the end, or use it in a ``with`` statement.

        with Library.open("photos.ambience") as library:
            library.add_folder("~/Pictures")
            for match in library.search("crop.jpg"):
                print(match.relation, match.score, match.path)

    Args:
        components: Its open components, which it closes.
    """

    def __init__(self, components: Components) -> None:
        self.components = components

    @classmethod
    def open(
        cls, folder: str | os.PathLike[str] | None = None, **settings: Any
    ) -> Self:
        """Open a library; create its folder if necessary.

        Args:
            folder: Its data folder; None for the one that commands use by default.
            **settings: Fields of `ambience.core.settings.Settings`; they override the
                environment and ``ambience.toml``.

        Raises:
            BadParameterError: If the folder can't be used, or a setting is wrong.
            StoredDataError: If what is stored there can't be used.
        """
        data = None if folder is None else Path(folder)
        return cls.of(load_settings(data=data, **settings))

    @classmethod
    def of(
        cls,
        settings: Settings,
        *,
        alone: bool = True,
        mend: bool = True,
        to_write: bool = False,
    ) -> Self:
        """Open the library that the settings name.

        Args:
            settings: The configuration.
            alone: Whether only this machine can send requests. If not, images are
                fetched from the internet only if the settings allow it explicitly.
            mend: Whether to resolve what a crash left half done, if it is writable.
            to_write: Whether the folder must be writable.
        """
        opened = Components.open(settings, alone=alone, mend=mend, to_write=to_write)
        return cls(opened)

    def close(self) -> None:
        """Write everything that is pending, and release everything."""
        self.components.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __len__(self) -> int:
        return len(self.components.catalog)

    def __iter__(self) -> Iterator[LibraryImage]:
        after: ImageId | None = None
        catalog = self.components.catalog
        while ids := catalog.ids(after=after, limit=_PAGE):
            yield from map(self._image, catalog.find(ids))
            after = ids[-1]

    def __contains__(self, image_id: object) -> bool:
        return isinstance(image_id, int) and bool(
            self.components.catalog.find([ImageId(image_id)])
        )

    def image(self, image_id: int) -> LibraryImage:
        """Return an image of the library.

        Raises:
            NotFoundError: If there is none with this id.
        """
        return self._image(self.components.catalog.get(ImageId(image_id)))

    def newest(
        self, *, limit: int, after: Position | None = None
    ) -> list[LibraryImage]:
        """Return images, the most recently taken first.

        Args:
            limit: How many at most.
            after: Where the previous page ended; None for the first page.
        """
        found = self.components.catalog.newest(limit=limit, after=after)
        return list(map(self._image, found))

    def add(self, image: object) -> LibraryImage:
        """Add one image; when this returns, it is stored safely and can be found.

        If a service can't take it now, it gets it later, and the log says so.

        Args:
            image: The path of a file, which stays where it is and is only read; or an
                address, bytes, a Pillow image or an array (see
                `ambience.imaging.file_of`), of which the library keeps its own file.

        Raises:
            BadInputError: If it can't be decoded, or is larger than the limits allow.
        """
        if isinstance(image, str | os.PathLike) and Path(image).is_file():
            return self._add_file(Path(image))
        upload, prepared = self._prepared(image)
        (image_id,) = self.components.catalog.reserve_ids(1)
        arrival = Arrival(image_id, prepared, upload=upload, keep=True, is_new=True)
        for name, reason in self.components.writer.put([arrival]).items():
            _log.warning("%s could not take image %s: %s", name, image_id, reason)
        return self.image(image_id)

    def put(
        self, image_id: int, image: object, *, keep: bool = True, wait: bool = True
    ) -> Mapping[str, str]:
        """Add an image under an id of your choice, or replace the image with that id.

        When this returns, it is stored safely and can be found.

        Args:
            image_id: Its key.
            image: See `add`; a path is read, but not remembered.
            keep: Whether to keep its file too, so that it can be shown.
            wait: See `add_folder`; false requires ``keep``.

        Returns:
            The services that don't have it, by name: "waiting" if the call did not wait
            for the service; otherwise what went wrong, and what happens next.

        Raises:
            BadInputError: If it can't be decoded, or is larger than the limits allow.
            BusyError: If another process is changing it.
        """
        key = checked_id(image_id)
        upload, prepared = self._prepared(image, wait=wait)
        arrival = Arrival(key, prepared, upload=upload, keep=keep)
        away = self.components.writer.put([arrival])
        return dict.fromkeys(prepared.put_off, _WAITING) | away

    def add_folder(
        self,
        *folders: str | os.PathLike[str],
        on_progress: Callable[[Progress], None] = lambda _: None,
        on_follow: Callable[[Progress], None] = lambda _: None,
        stop: threading.Event | None = None,
        again: bool = False,
        wait: bool = True,
    ) -> Report:
        """Add all images of folders and their subfolders; files are only read.

        Images that were added before are skipped, so an import can be stopped at any
        time and continued later. First, all files are added, and quick services find
        them (as the same picture); then slow services get them (and find their parts).

        Args:
            *folders: Folders, or single files.
            on_progress: Called after every file.
            on_follow: Called after every image that a slow service has received.
            stop: Set it to stop early; what was reported as done is done.
            again: Also add files whose image was removed before.
            wait: Whether to return only after slow services have received everything
                that waits for them. If not, a server on the same folder does that, or
                the next call.

        Raises:
            BadParameterError: If one does not exist.
        """
        paths = [Path(folder).expanduser() for folder in folders]
        stop = stop or threading.Event()
        report = self.components.importer.run(
            paths, on_progress=on_progress, stop=stop, again=again, wait=False
        )
        if wait:
            self.components.backlog.follow(report, stop=stop, on_progress=on_follow)
        self.components.backlog.note(report)
        return report

    def search(  # noqa: PLR0913 -- the parameters of a search, each by name
        self,
        query: object,
        *,
        k: int = _K,
        region: Region | tuple[int, int, int, int] | None = None,
        services: Sequence[str] = (),
        copies_only: bool = False,
        min_score: float = MIN_SCORE,
    ) -> SearchResult:
        """Find an image's original, its copies and similar images, with the reasons.

        Args:
            query: The path or the address of an image, bytes, a Pillow image, an array,
                the id of an image in the library, or words.
            k: How many matches at most, 1 to `MAX_K`.
            region: The part of the image to search with, ``(x, y, width, height)`` in
                pixels as displayed.
            services: Names of the services to ask; empty for all.
            copies_only: Return only claims that it is the same picture.
            min_score: Return only claims at least this probable, 0 to 1.

        Raises:
            BadInputError: If this is no valid query, it can't be decoded, or ``k`` or
                ``min_score`` is out of range.
            NotFoundError: If there is no such image or service.
        """
        own = self.components
        part = Region(*region) if isinstance(region, tuple) else region
        found = self.reverse_search(
            question(query, limits=own.limits, fetcher=own.fetcher, region=part),
            k=k,
            services=services,
            copies_only=copies_only,
            min_score=min_score,
        )
        return SearchResult(self._found(found.matches), found.unavailable, found)

    def reverse_search(
        self,
        question: Question,
        *,
        k: int = _K,
        services: Sequence[str] = (),
        copies_only: bool = False,
        min_score: float = MIN_SCORE,
    ) -> ReverseSearch:
        """Answer a question of a known kind, with what each service found.

        Args:
            question: An image, an image of the library, or words.
            k: See `search`.
            services: See `search`.
            copies_only: See `search`.
            min_score: See `search`.

        Raises:
            AmbienceError: Like `search`.
        """
        if not 1 <= k <= MAX_K:
            raise BadParameterError(f"k must be between 1 and {MAX_K}")
        if not 0 <= min_score <= 1:
            raise BadParameterError("min_score must be between 0 and 1")
        return self.components.searcher.search(
            question,
            k=k,
            services=services,
            copies_only=copies_only,
            min_score=min_score,
        )

    def similar(self, image_id: int, *, k: int = _K) -> SearchResult:
        """Find images similar to one of the library, which is left out itself.

        Raises:
            NotFoundError: If no service knows it.
        """
        return self.search(image_id, k=k)

    def duplicates(
        self, *, radius: int = _NEAR_BITS, turned: bool = True, parts: bool = False
    ) -> Iterator[DuplicateImages]:
        """Find images that are the same picture, the largest groups first.

        Args:
            radius: How many of 576 bits of the hash may differ between neighbors.
            turned: Whether mirrored and turned copies count; takes eight times as long.
            parts: Whether to find crops, and images that contain others; takes as long
                as a search with every image.

        Raises:
            UnavailableError: If a service that is needed is not available.
        """
        groups = self.duplicate_groups(radius=radius, turned=turned, parts=parts)
        for group in groups:
            yield DuplicateImages(
                self.image(group.keeper.image_id),
                self._found([one.match for one in group.others]),
                self._found([one.match for one in group.parts]),
            )

    def duplicate_groups(
        self,
        *,
        radius: int = _NEAR_BITS,
        turned: bool = True,
        parts: bool = False,
        on_progress: Callable[[str, Progress], object] = lambda *_: None,
    ) -> list[DuplicateGroup]:
        """Find what `duplicates` finds, as plain records that notebooks don't display.

        Args:
            radius: See `duplicates`.
            turned: See `duplicates`.
            parts: See `duplicates`.
            on_progress: Called in steps that take long, with the name of the step.
        """
        own = self.components
        return library_duplicates(
            own.services,
            own.catalog,
            own.originals,
            radius=radius,
            turned=turned,
            parts=parts,
            calibration=own.searcher.calibration,
            limits=own.limits,
            on_progress=on_progress,
        )

    def remove(self, image_id: int) -> None:
        """Remove an image; a file of the user's is left alone.

        A file that the library keeps moves to its trash.

        Raises:
            NotFoundError: If nothing knows it.
            BusyError: If another process is changing it.
        """
        self.components.writer.delete(ImageId(image_id))

    def _add_file(self, path: Path) -> LibraryImage:
        (path,) = absolute([path])
        report = self.components.importer.run([path], again=True)
        if report.failed:
            raise BadInputError(f"{path}: {report.failed[0].reason}")
        known = self.components.catalog.files_in(path).get(path)
        if known is None:
            raise NotFoundError(f"{path} was removed while it was being added")
        return self.image(known.image_id)

    def _prepared(self, image: object, *, wait: bool = True) -> tuple[bytes, Prepared]:
        """Return the file of an image to add, and everything derived from it."""
        own = self.components
        data, limits = image_data(image, limits=own.limits, fetcher=own.fetcher)
        file = own.writer.read(data, limits=limits, wait=wait)
        return data, own.writer.prepare(file, wait=wait)

    def _found(self, matches: Sequence[FusedMatch]) -> list[LibraryMatch]:
        ids = [match.image_id for match in matches]
        images = {
            record.image_id: self._image(record)
            for record in self.components.catalog.find(ids)
        }
        return [LibraryMatch(images.get(match.image_id), match) for match in matches]

    def _image(self, record: ImageRecord) -> LibraryImage:
        thumbnail = self.components.renditions.thumbnail_if_any
        return LibraryImage(record.image_id, record, thumbnail)
