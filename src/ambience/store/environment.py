"""Opens an LMDB file, to write to it or only to read."""

from pathlib import Path
from typing import Any

import lmdb

from ambience.core.errors import StoredDataError

_MAX_READERS = 512  # threads that read at once, over all processes
_MAX_TABLES = 4


def open_environment(path: Path, *, map_bytes: int, readonly: bool) -> Any:
    """Open a file; to be read only, without its locks where they can't be had.

    Without them, what other processes write meanwhile may be read half: none should.

    Args:
        path: The file; made if it is not there and may be written.
        map_bytes: How large the memory map is, if the file is not larger.
        readonly: Whether nothing may be written.

    Raises:
        StoredDataError: With ``readonly``, if it is not there.
        lmdb.Error: If LMDB refuses.
        OSError: If its folder can't be made.
    """
    if not readonly:
        path.parent.mkdir(parents=True, exist_ok=True)
    elif not path.exists():
        raise StoredDataError(
            f"there are no features of {path.parent.name} at {path}, and none can be "
            "kept there, as the data folder is read-only"
        )
    how: dict[str, Any] = {
        "subdir": False,
        "map_size": max(map_bytes, path.stat().st_size if path.exists() else 0),
        "max_dbs": _MAX_TABLES,
        "max_readers": _MAX_READERS,
        "readonly": readonly,
    }
    try:
        return lmdb.open(str(path), **how)
    except lmdb.Error:
        if not readonly:
            raise
        return lmdb.open(str(path), **how, lock=False)
