"""Our own files of images: originals, thumbnails, the trash, staged uploads."""

import os
import uuid
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from ambience.catalog import ImageRecord
from ambience.core.features import MAX_IMAGE_ID, ImageId
from ambience.core.fsync import force_to_disk
from ambience.ingest.regular_files import open_regular

_PER_FOLDER = 1000  # images whose originals share a folder
_MAX_THUMBNAIL_BYTES = 2**22  # more than 512 x 512 pixels need uncompressed


class Originals:
    """The folders ``originals``, ``thumbnails``, ``trash`` and ``staging``.

    A file appears under its name completely or not at all. Files that are being
    written, by this process or by one that died, are in ``staging``.

    Args:
        data: The data folder.
    """

    def __init__(self, data: Path) -> None:
        self._originals = data / "originals"
        self._thumbnails = data / "thumbnails"
        self._trash = data / "trash"
        self._staging = data / "staging"

    def path(self, original: str) -> Path:
        """Return where an original is, given its `ImageRecord.original`."""
        return self._originals / original

    def file_of(self, image: ImageRecord) -> Path | None:
        """Return the file of an image, the user's or ours; ``None`` without one."""
        if image.path is not None:
            return image.path
        return None if image.original is None else self.path(image.original)

    def staged_path(self, source: str) -> Path:
        """Return where staged bytes are, given their `JournalEntry.source`."""
        return self._staging / source

    def thumbnail_path(self, sha256: bytes) -> Path:
        """Return the path of the thumbnail of a file with this content."""
        name = sha256.hex()
        return self._thumbnails / name[:2] / f"{name}.webp"

    def highest_id(self, *, below: int) -> ImageId | None:
        """Return the highest id below a bound in the names of originals."""
        folders = sorted(
            (int(folder.name) * _PER_FOLDER, folder)
            for folder in _entries(self._originals)
            if folder.name.isdecimal() and folder.is_dir()
        )
        for first, folder in reversed(folders):
            if first < below:
                named = map(image_id_in, (file.name for file in _entries(folder)))
                ids = [i for i in named if i is not None and i < below]
                if ids:
                    return max(ids)
        return None

    def all_kept(self) -> Iterator[str]:
        """Iterate over all existing originals, as `ImageRecord.original`."""
        for folder in _entries(self._originals):
            if folder.is_dir() and not folder.is_symlink():
                for file in _entries(folder):
                    if file.is_file() and not file.is_symlink():
                        yield f"{folder.name}/{file.name}"

    def all_thumbnails(self) -> Iterator[tuple[bytes, Path]]:
        """Iterate over all thumbnails, with the hash of the file that each shows."""
        for folder in _entries(self._thumbnails):
            for file in _entries(folder) if folder.is_dir() else ():
                with suppress(ValueError):
                    yield bytes.fromhex(file.stem), file

    def in_trash(self, original: str) -> Path | None:
        """Return the path of an original in the trash, None if it is not there."""
        name = original.rpartition("/")[2]
        days = (day / name for day in _entries(self._trash))
        return next((file for file in days if file.is_file()), None)

    def restore(self, original: str, trashed: Path) -> None:
        """Move an original from the trash back to its place."""
        target = self.path(original)
        target.parent.mkdir(parents=True, exist_ok=True)
        trashed.replace(target)
        force_to_disk(target.parent)

    def thumbnail(self, sha256: bytes) -> bytes | None:
        """Return the thumbnail of a file with this content.

        Returns:
            ``None`` if there is none, or it is incomplete.
        """
        try:
            with open_regular(self.thumbnail_path(sha256), follow=False) as file:
                data = file.read(_MAX_THUMBNAIL_BYTES)
        except OSError:  # missing or unreadable: it is made again
            return None
        return data if _is_whole_webp(data) else None

    def stage(self, image_id: ImageId, data: bytes) -> str:
        """Store an upload until its change is decided; return its source."""
        source = f"{image_id}-{uuid.uuid4().hex}"
        self._write(self.staged_path(source), data, sync=True)
        return source

    def staged(self, image_id: ImageId, source: str) -> bytes | None:
        """Return staged bytes, even if they were kept; None if they are gone."""
        for path in (self.staged_path(source), *self._kept(image_id, source)):
            if path.is_file():
                return path.read_bytes()
        return None

    def all_staged(self) -> list[Path]:
        """Return the files with staged bytes, and those that are half written."""
        return list(self._staging.iterdir()) if self._staging.is_dir() else []

    def is_kept(self, image_id: ImageId, source: str) -> bool:
        """Whether staged bytes have become an original."""
        return bool(self._kept(image_id, source))

    def drop(self, image_id: ImageId, source: str) -> None:
        """Remove staged bytes, even if they were kept; they may be missing."""
        if source:
            self.staged_path(source).unlink(missing_ok=True)
            for kept in self._kept(image_id, source):
                kept.unlink(missing_ok=True)

    def keep(self, image_id: ImageId, source: str, *, suffix: str) -> str:
        """Turn staged bytes into an original; return its `ImageRecord.original`."""
        original = f"{_folder(image_id)}/{source}.{suffix}"
        target = self.path(original)
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            self.staged_path(source).replace(target)
        except FileNotFoundError:  # already kept by a change that was interrupted
            if not target.exists():
                raise
        force_to_disk(target.parent)
        return original

    def discard(self, original: str) -> str | None:
        """Move an original to the trash; return its new path relative to ``trash/``."""
        source = self.path(original)
        now = datetime.now(UTC)
        trashed = f"{now:%Y-%m-%d}/{source.name}"
        target = self._trash / trashed
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            source.replace(target)
        except FileNotFoundError:  # already moved by a delete that was interrupted
            return trashed if target.exists() else None
        return trashed

    def write_thumbnail(self, sha256: bytes, data: bytes) -> None:
        """Store a thumbnail; if it is lost, it is made again when it is needed."""
        self._write(self.thumbnail_path(sha256), data, sync=False)

    def remove_thumbnail(self, sha256: bytes) -> None:
        """Remove a thumbnail; it may be missing."""
        self.thumbnail_path(sha256).unlink(missing_ok=True)

    def _kept(self, image_id: ImageId, source: str) -> list[Path]:
        """Return the original that staged bytes have become, if they have."""
        return list(self.path(_folder(image_id)).glob(f"{source}.*")) if source else []

    def _write(self, path: Path, data: bytes, *, sync: bool) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._staging.mkdir(parents=True, exist_ok=True)
        partial = self._staging / f".{uuid.uuid4().hex}"
        try:
            with partial.open("wb") as file:
                file.write(data)
                if sync:
                    file.flush()
                    os.fsync(file.fileno())
            partial.replace(path)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
        if sync:
            force_to_disk(path.parent)


def image_id_in(name: str) -> ImageId | None:
    """Return the image id at the start of an original's name, None without one."""
    number = name.partition("-")[0]
    if not number.isascii() or not number.isdecimal() or int(number) > MAX_IMAGE_ID:
        return None
    return ImageId(int(number))


def _entries(folder: Path) -> list[Path]:
    """Return what is in a folder, in descending order; nothing if it does not exist."""
    return sorted(folder.iterdir(), reverse=True) if folder.is_dir() else []


def _is_whole_webp(data: bytes) -> bool:
    """Compare the size with that in the header (RFC 9649)."""
    size = 8 + int.from_bytes(data[4:8], "little")
    return data[:4] == b"RIFF" and data[8:12] == b"WEBP" and len(data) == size


def _folder(image_id: ImageId) -> str:
    return f"{image_id // _PER_FOLDER:06d}"
