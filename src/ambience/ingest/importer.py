"""Imports folders: decodes on several threads, writes in batches, and can resume."""

import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from ambience.catalog import ImageRecord, KnownFile
from ambience.core.errors import AmbienceError, BusyError
from ambience.core.features import ImageId
from ambience.imaging import ImageFile
from ambience.ingest.bounded_map import bounded_map
from ambience.ingest.folders import FoundFile, absolute, file_batches, is_gone, walk
from ambience.ingest.import_report import Failure, Progress, Report
from ambience.ingest.incoming import Arrival, Prepared
from ambience.ingest.regular_files import read_regular
from ambience.ingest.writer import Writer

_BATCH = 64  # images per transaction: they share its cost, and a stop loses little
_BATCH_S = 1.0  # the longest that the first of them waits


@dataclass(frozen=True, slots=True, eq=False)
class _Outcome:
    """What a thread found out about one file; one of the last four is set."""

    file: FoundFile
    prepared: Prepared | AmbienceError | OSError | None = None  # or why that failed
    same_as: ImageId | None = None  # the known image with this content
    moved: ImageRecord | None = None  # the image whose file has moved here
    deleted: bool = False


class Importer:
    """Adds the files in the user's folders to the catalog and every service.

    Args:
        writer: Changes images.
        threads: How many files are decoded at once; 0 for one per processor.
        data: Our own folder, which is left out.
    """

    def __init__(self, writer: Writer, *, threads: int, data: Path) -> None:
        self._writer = writer
        self._catalog = writer.catalog
        self._threads = threads or os.cpu_count() or 1
        self._data = data

    def run(
        self,
        paths: Sequence[Path],
        *,
        on_progress: Callable[[Progress], None] = lambda _: None,
        stop: threading.Event | None = None,
        again: bool = False,
        wait: bool = True,
    ) -> Report:
        """Import files and folders. The files are only read.

        Args:
            paths: What to import.
            on_progress: Called after every file.
            stop: Set it to stop early; what was reported as done is done.
            again: Also import files whose image the user has deleted.
            wait: Whether each image counts as done only after slow services have it;
                otherwise these get it later, and the other services find it at once.

        Raises:
            BadParameterError: If a path does not exist.
        """
        roots = absolute(paths)
        stop = stop or threading.Event()
        report = Report()
        known: dict[Path, KnownFile] = {}
        for root in roots:
            known |= self._catalog.files_in(root)
        found: list[FoundFile] = []

        def note_unreadable(path: Path, error: OSError) -> None:
            report.unreadable.append(Failure.of(path, error))

        for file in walk(roots, leave_out=self._data, on_unreadable=note_unreadable):
            if stop.is_set():
                return Report(stopped=True)
            found.append(file)
        fresh = [file for file in found if not self._is_unchanged(file, known)]
        report.skipped = len(found) - len(fresh)
        emptied = self._mark_missing(roots, found, known, report)
        batch = _Batch(self._writer, report, wait=wait)
        done = len(found) - len(fresh)

        def look_at(files: Sequence[FoundFile]) -> list[_Outcome]:
            return self._look_at(files, known, again=again, wait=wait)

        parts = file_batches(fresh, threads=self._threads)
        for _, future in bounded_map(look_at, parts, threads=self._threads, stop=stop):
            for outcome in future.result():
                done += 1
                try:
                    self._settle(outcome, known, batch, report)
                except (AmbienceError, OSError) as error:
                    report.failed.append(Failure.of(outcome.file.path, error))
                batch.write_if_due()
                on_progress(Progress(done, len(found), report))
        batch.write()
        report.stopped = stop.is_set() and done < len(found)
        if not report.stopped:
            report.unreadable += filter(None, map(self._emptied, emptied))
        on_progress(Progress(done, len(found), report))
        return report

    def _is_unchanged(self, file: FoundFile, known: dict[Path, KnownFile]) -> bool:
        record = known.get(file.path)
        return record is not None and _is_same(record, file)

    def _mark_missing(
        self,
        roots: Sequence[Path],
        found: Sequence[FoundFile],
        known: dict[Path, KnownFile],
        report: Report,
    ) -> list[Path]:
        """Mark images whose file is gone, as far as everything could be looked at.

        Returns:
            Roots whose files are all gone at once, as if a disk were not mounted. Their
            images are not marked.
        """
        seen = {file.path for file in found}
        hidden = {failure.path for failure in report.unreadable}
        gone = {
            path: record.image_id
            for path, record in known.items()
            if path not in seen
            and not record.missing
            and hidden.isdisjoint((path, *path.parents))
            and is_gone(path)
        }
        there = seen | {
            path
            for path, record in known.items()
            if path not in gone and not record.missing
        }
        emptied = [
            root
            for root in roots
            if any(path.is_relative_to(root) for path in gone)
            and not any(path.is_relative_to(root) for path in there)
        ]
        marked = {
            image_id
            for path, image_id in gone.items()
            if not any(path.is_relative_to(root) for root in emptied)
        }
        self._catalog.mark_missing(list(marked), missing=True)
        report.gone = marked
        return emptied

    def _emptied(self, root: Path) -> Failure | None:
        """Return what is wrong with a root whose files are all gone.

        Nothing is wrong if they have moved, and were found elsewhere.
        """
        left = [one for one in self._catalog.files_in(root).values() if not one.missing]
        if not left:
            return None
        return Failure(
            root,
            f"has none of the {len(left)} images that were imported from it: mount its "
            "disk and import it again; or, if they are gone, run `ambience check "
            "--repair`",
        )

    def _look_at(
        self,
        files: Sequence[FoundFile],
        known: dict[Path, KnownFile],
        *,
        again: bool,
        wait: bool,
    ) -> list[_Outcome]:
        """Find out about files, and prepare those that need to be written."""
        read = {file: self._read_if_possible(file, wait=wait) for file in files}
        sha256 = {
            file.path: image.sha256
            for file, image in read.items()
            if isinstance(image, ImageFile)
        }
        same = self._catalog.with_contents(sha256.values())
        new = {path: of for path, of in sha256.items() if path not in known}
        deleted = set() if again else self._catalog.deleted_among(new)
        outcomes: dict[FoundFile, _Outcome] = {}
        due: dict[FoundFile, ImageFile] = {}
        for file, image in read.items():
            if not isinstance(image, ImageFile):
                outcomes[file] = _Outcome(file, image)
            elif file.path in deleted:
                outcomes[file] = _Outcome(file, deleted=True)
            else:
                records = same.get(image.sha256, [])
                outcome = _of_known(file, known.get(file.path), records)
                if outcome is None:
                    due[file] = image
                else:
                    outcomes[file] = outcome
        prepared = self._writer.prepare_all(list(due.values()), wait=wait)
        for file, one in zip(due, prepared, strict=True):
            outcomes[file] = _Outcome(file, one)
        return [outcomes[file] for file in files]

    def _settle(
        self,
        outcome: _Outcome,
        known: dict[Path, KnownFile],
        batch: "_Batch",
        report: Report,
    ) -> None:
        file = outcome.file
        if outcome.deleted:
            report.deleted += 1
        elif outcome.same_as is not None:
            self._catalog.touch(outcome.same_as, modified_ns=file.modified_ns)
            report.skipped += 1
        elif outcome.moved is not None:
            self._settle_move(outcome.moved, file, batch, report)
        elif isinstance(outcome.prepared, Prepared):
            before = known.get(file.path)
            image_id = None if before is None else before.image_id
            batch.append(file, outcome.prepared, image_id)
        elif outcome.prepared is not None:
            report.failed.append(Failure.of(file.path, outcome.prepared))

    def _settle_move(
        self, before: ImageRecord, file: FoundFile, batch: "_Batch", report: Report
    ) -> None:
        # If two new files have the content of one that is gone, the first is where it
        # has moved to, and the other is a new image.
        before = self._catalog.get(before.image_id)
        if before.path is not None and is_gone(before.path):
            self._catalog.move(before.image_id, file.path, modified_ns=file.modified_ns)
            report.moved += 1
            report.gone.discard(before.image_id)
        else:
            batch.append_file(file)

    def _read_if_possible(
        self, file: FoundFile, *, wait: bool
    ) -> ImageFile | AmbienceError | OSError:
        """Return the content of a file, or why it can't be read."""
        try:
            return _read(self._writer, file, wait=wait)
        except (AmbienceError, OSError) as error:
            return error


_Waiting: TypeAlias = tuple[FoundFile, Prepared, ImageId | None]


class _Batch:
    """Images that are decoded and waiting to be written together."""

    def __init__(self, writer: Writer, report: Report, *, wait: bool) -> None:
        self._writer = writer
        self._report = report
        self._wait = wait
        self._waiting: list[_Waiting] = []
        self._since = time.monotonic()

    def append(
        self, file: FoundFile, prepared: Prepared, known: ImageId | None
    ) -> None:
        if not self._waiting:
            self._since = time.monotonic()
        self._waiting.append((file, prepared, known))

    def append_file(self, file: FoundFile) -> None:
        """Append a file that is not decoded yet, as a new image."""
        image = _read(self._writer, file, wait=self._wait)
        self.append(file, self._writer.prepare(image, wait=self._wait), None)

    def write_if_due(self) -> None:
        if len(self._waiting) >= _BATCH or time.monotonic() - self._since > _BATCH_S:
            self.write()

    def write(self) -> None:
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        try:
            self._report.unavailable |= self._writer.put(self._arrivals(waiting))
        except BusyError as error:
            self._settle_race(waiting, error)
            return
        except (AmbienceError, OSError) as error:
            self._report.failed += [
                Failure.of(file.path, error) for file, _, _ in waiting
            ]
            return
        added = sum(known is None for _, _, known in waiting)
        self._report.added += added
        self._report.changed += len(waiting) - added

    def _arrivals(self, waiting: Sequence[_Waiting]) -> list[Arrival]:
        count = sum(known is None for _, _, known in waiting)
        new = iter(self._writer.catalog.reserve_ids(count))
        return [
            Arrival(
                image_id=next(new) if known is None else known,
                prepared=prepared,
                path=file.path,
                modified_ns=file.modified_ns,
                is_new=known is None,
            )
            for file, prepared, known in waiting
        ]

    def _settle_race(self, waiting: Sequence[_Waiting], error: BusyError) -> None:
        """Write what another process, working on the same files, has not written."""
        left = [one for one in waiting if not self._is_done(one[0])]
        self._report.skipped += len(waiting) - len(left)
        if len(waiting) == len(left) == 1:
            self._report.failed.append(Failure.of(left[0][0].path, error))
            return
        if len(left) < len(waiting):  # the others may have been the only problem
            parts = [left]
        else:
            middle = len(left) // 2  # ever smaller, so that one file stops no others
            parts = [left[:middle], left[middle:]]
        for part in parts:
            self._waiting = part
            self.write()

    def _is_done(self, file: FoundFile) -> bool:
        known = self._writer.catalog.files_in(file.path).get(file.path)
        return known is not None and _is_same(known, file)


def _is_same(known: KnownFile, file: FoundFile) -> bool:
    """Whether a file has not changed, judged by its size and date."""
    return (known.byte_count, known.modified_ns, known.missing) == (
        file.byte_count,
        file.modified_ns,
        False,
    )


def _of_known(
    file: FoundFile, known: KnownFile | None, same: Sequence[ImageRecord]
) -> _Outcome | None:
    """Return how a file relates to known images; ``None`` if its content is new.

    Args:
        file: The file.
        known: What the catalog knows about its path.
        same: The images that have its content.
    """
    if known is not None:
        if any(record.image_id == known.image_id for record in same):
            return _Outcome(file, same_as=known.image_id)
        return None
    for record in same:
        if record.path is not None and is_gone(record.path):
            return _Outcome(file, moved=record)
    return None


def _read(writer: Writer, file: FoundFile, *, wait: bool) -> ImageFile:
    """Return the content of a file; see `Changes.read`."""
    writer.limits.check_bytes(file.byte_count)
    return writer.read(read_regular(file.path, limits=writer.limits), wait=wait)
