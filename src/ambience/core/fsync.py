"""Makes written files survive a loss of power."""

import os
from pathlib import Path


def force_to_disk(path: Path) -> None:
    """Flush a file, or the list of names in a folder, to the disk.

    Windows can't open folders; there, the system takes care of the names itself.
    """
    if path.is_dir() and os.name != "posix":
        return
    handle = os.open(path, os.O_RDONLY if os.name == "posix" else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
