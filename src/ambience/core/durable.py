"""Makes what was written survive a loss of power."""

import os
from pathlib import Path


def force_to_disk(path: Path) -> None:
    """Force a file, or the names in a folder, to the disk.

    Where folders can't be opened, as on Windows, the system sees to their names itself.
    """
    if path.is_dir() and os.name != "posix":
        return
    handle = os.open(path, os.O_RDONLY if os.name == "posix" else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
