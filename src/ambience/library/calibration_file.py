"""The library's own calibration: used if it was accepted, set aside otherwise."""

import logging
from pathlib import Path

from ambience.core.errors import CorruptDataError
from ambience.fusion import Calibration, loaded, shipped

CALIBRATION_FILE = "calibration.json"

_log = logging.getLogger(__name__)


def calibration_of(data: Path) -> Calibration:
    """Return what was learned from a library, or what is shipped where that fails.

    Servers used to learn by themselves, and lost crops where a library held a burst of
    photographs. What they learned is renamed, and named in the log.
    """
    file = data / CALIBRATION_FILE
    try:
        found = loaded(file)
    except CorruptDataError as error:
        _log.warning("%s; until then the shipped one is used", error)
        return shipped()
    if found.accepted or not found.images:
        return found
    _set_aside(file)
    return shipped()


def _set_aside(file: Path) -> None:
    target = _free(file)
    why = (
        "was learned by an earlier version, which did not try it: it may find fewer "
        "copies. The shipped one is used"
    )
    advice = "run `ambience train fusion` to learn one and see what it finds"
    try:
        file.rename(target)
    except FileNotFoundError:
        return  # another process was faster, and says so
    except OSError as error:
        _log.warning(
            "the calibration %s %s. It stays where it is, as it can't be renamed (%s); "
            "%s",
            *(file, why, error.strerror, advice),
        )
    else:
        _log.warning(
            "the calibration %s %s. It is now at %s; %s", file, why, target, advice
        )


def _free(file: Path) -> Path:
    """Return a name that is not taken, for what is set aside."""
    target = file.with_name(f"{file.name}.set-aside")
    number = 1
    while target.exists() or target.is_symlink():
        number += 1
        target = file.with_name(f"{file.name}.set-aside-{number}")
    return target
