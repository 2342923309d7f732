"""Saves an index to disk completely or not at all, even if the process dies."""

import json
import logging
import shutil
import time
import uuid
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ambience.core.features import FeatureSpec
from ambience.core.fsync import force_to_disk
from ambience.engine.embedded.index import Index

_log = logging.getLogger(__name__)

_FORMAT = 1  # raised when older snapshots can no longer be read
_META = "meta.json"
_WRITING = ".writing-"
_KEPT = 2  # another process may still be reading the previous one
_ABANDONED_S = 600.0  # writing a snapshot never takes this long
_CHUNK = 1 << 22


class Snapshots:
    """A folder of snapshots, which several processes may share.

    Each snapshot is a folder. It is written under a temporary name, forced to disk and
    then renamed, so it is never there in part. Checksums (CRC-32, 25 ms per 100 MB)
    reveal files that were damaged on disk.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def newest(self, store_id: str, spec: FeatureSpec) -> tuple[Path, int] | None:
        """Return the newest usable snapshot of a store.

        Snapshots that are damaged, or belong to another store or spec, are skipped.

        Args:
            store_id: The store that the snapshot must belong to.
            spec: The specification of the store's features.

        Returns:
            Its folder, for `Index.load`, and the last change that it includes.
        """
        for seq, path in self._all():
            try:
                meta = _read_meta(path)
                if not _is_of(meta, store_id, spec):
                    continue
                _check(path, meta, seq)
            except (OSError, ValueError, KeyError, TypeError) as error:
                _log.warning("index snapshot %s can't be used: %s", path, error)
                continue
            return path, seq
        return None

    def write(
        self, index: Index, *, seq: int, store_id: str, spec: FeatureSpec
    ) -> Path:
        """Write a snapshot, then delete the ones it supersedes.

        Args:
            index: The index to save.
            seq: The last change in the index before this call.
            store_id: The store that the changes come from.
            spec: The specification of the store's features.

        Returns:
            The folder of the snapshot.

        Raises:
            OSError: If it can't be written; earlier snapshots are kept.
        """
        # A retrained index covers the same changes; the time tells which is newer.
        name = f"{time.time_ns():020d}-{uuid.uuid4().hex}"
        draft = self._folder / f"{_WRITING}{name}"
        draft.mkdir(parents=True)
        try:
            index.save(draft)
            files = {}
            for file in sorted(draft.iterdir()):
                files[file.name] = _checksum(file)
                force_to_disk(file)
            meta = {
                "format": _FORMAT,
                "seq": seq,
                "store_id": store_id,
                "spec": spec.as_dict(),
                "files": files,
            }
            _write_meta(draft, meta)
            force_to_disk(draft)
            path = draft.rename(self._folder / f"{seq:020d}-{name}")
            force_to_disk(self._folder)
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            raise
        self._tidy(store_id, spec)
        return path

    def _all(self) -> list[tuple[int, Path]]:
        """Return all complete snapshots, newest first."""
        found = []
        for path in self._folder.glob("*-*"):
            seq = path.name.partition("-")[0]
            if seq.isdecimal():
                found.append((int(seq), path))
        return sorted(found, reverse=True)

    def _tidy(self, store_id: str, spec: FeatureSpec) -> None:
        for path in self._superseded(store_id, spec):
            shutil.rmtree(path, ignore_errors=True)

    def _superseded(self, store_id: str, spec: FeatureSpec) -> Iterator[Path]:
        kept = 0
        for _, path in self._all():
            try:
                usable = _is_of(_read_meta(path), store_id, spec)
            except (OSError, ValueError, KeyError, TypeError):
                usable = False
            if usable and kept < _KEPT:
                kept += 1
            else:
                yield path
        now = time.time()
        for path in self._folder.glob(f"{_WRITING}*"):
            try:
                age_s = now - path.stat().st_mtime
            except OSError:
                continue  # just renamed by its writer
            if age_s > _ABANDONED_S:
                yield path


def _is_of(meta: dict[str, Any], store_id: str, spec: FeatureSpec) -> bool:
    wanted = (_FORMAT, store_id, spec.as_dict())
    return (meta["format"], meta["store_id"], meta["spec"]) == wanted


def _write_meta(folder: Path, meta: dict[str, Any]) -> None:
    text = json.dumps(meta, sort_keys=True)
    path = folder / _META
    signed = {"meta": meta, "crc32": zlib.crc32(text.encode())}
    path.write_text(json.dumps(signed, indent=1, sort_keys=True), encoding="utf-8")
    force_to_disk(path)


def _read_meta(folder: Path) -> dict[str, Any]:
    signed = json.loads((folder / _META).read_text(encoding="utf-8"))
    meta: dict[str, Any] = signed["meta"]
    if zlib.crc32(json.dumps(meta, sort_keys=True).encode()) != signed["crc32"]:
        raise ValueError(f"{_META} is damaged")
    return meta


def _check(folder: Path, meta: dict[str, Any], seq: int) -> None:
    if meta["seq"] != seq:
        raise ValueError("its number differs from that of its folder")
    for name, expected in meta["files"].items():
        if _checksum(folder / name) != expected:
            raise ValueError(f"{name} is damaged")


def _checksum(path: Path) -> dict[str, int]:
    crc = size = 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            crc = zlib.crc32(chunk, crc)
            size += len(chunk)
    return {"bytes": size, "crc32": crc}
