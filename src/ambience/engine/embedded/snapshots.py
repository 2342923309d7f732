"""Snapshots of an index on disk: whole or absent, whatever happens while writing."""

import json
import logging
import shutil
import time
import uuid
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ambience.core.durable import force_to_disk
from ambience.core.features import FeatureSpec
from ambience.engine.embedded.index import Index

_log = logging.getLogger(__name__)

_FORMAT = 1  # raised when older snapshots can't be used any more
_META = "meta.json"
_WRITING = ".writing-"
_KEPT = 2  # another process may just be reading the one before
_ABANDONED_S = 600.0  # nobody writes a snapshot for so long
_CHUNK = 1 << 22


class Snapshots:
    """A folder of snapshots, one folder each, which several processes may share.

    A snapshot is written beside the others under a name of its own, forced to the disk
    and then renamed: it is there as a whole or not at all. Checksums (CRC-32, 25 ms for
    100 MB) tell when the disk gave something else back.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def newest(self, store_id: str, spec: FeatureSpec) -> tuple[Path, int] | None:
        """Return the newest usable snapshot of a store.

        One that is damaged, or of another store or spec, is passed over.

        Args:
            store_id: Of the store whose changes it must hold.
            spec: Of the store's features.

        Returns:
            Its folder, for `Index.load`, and the sequence number it covers.
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
        """Write a snapshot, then remove those it supersedes.

        Args:
            index: What to save.
            seq: The last change that the index held before this call.
            store_id: Of the store the changes come from.
            spec: Of the store's features.

        Returns:
            The folder of the snapshot.

        Raises:
            OSError: When the disk refuses; the snapshots before stay.
        """
        # An index that is trained anew covers the same changes: the later one counts.
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
        """Return all finished snapshots, newest first."""
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
                continue  # its writer has just finished it
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
        raise ValueError("its number is not that of its folder")
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
