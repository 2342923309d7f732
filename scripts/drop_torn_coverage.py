"""Remove measurements that are half written, before `coverage combine` reads them.

A process that a test kills may be writing what it has measured. Coverage leaves out a
file that is no database; but one that breaks off further in ends the whole command.
"""

from pathlib import Path

from coverage import CoverageData

ROOT = Path(__file__).resolve().parent.parent


def is_whole(path: Path) -> bool:
    """Return whether a file can be combined with others, by doing it."""
    try:
        data = CoverageData(str(path))
        data.read()
        CoverageData(no_disk=True).update(data)
        data.close()
    except Exception:  # noqa: BLE001 -- whatever it is would end `coverage combine`
        return False
    return True


def main(folder: Path) -> None:
    """Remove what can't be combined."""
    for path in sorted(folder.glob(".coverage.*")):
        if not is_whole(path):
            print(f"removed {path.name}: its process was killed while it wrote it")
            path.unlink()


if __name__ == "__main__":
    main(ROOT)
