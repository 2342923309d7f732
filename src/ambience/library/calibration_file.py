"""The library's own calibration: used if it was accepted, set aside otherwise."""

import logging
from collections.abc import Mapping
from pathlib import Path

from ambience import registry
from ambience.core.errors import CorruptDataError
from ambience.core.settings import Settings
from ambience.fusion import NOTHING_LEARNED, Calibration, Evidence, Learned

CALIBRATION_FILE = "calibration.json"

_log = logging.getLogger(__name__)


def declared_evidence(settings: Settings) -> dict[str, Evidence]:
    """Return the evidence that each enabled service declares, by service.

    Raises:
        NotFoundError: If a service does not exist.
        BadParameterError: If a service's settings are wrong.
    """
    declared = map(registry.load, registry.enabled(settings))
    return {
        one.name: one.evidence(one.check(settings.services.get(one.name, {})))
        for one in declared
        if one.evidence is not None
    }


def calibration_of(data: Path, evidence: Mapping[str, Evidence]) -> Calibration:
    """Return the calibration of a library.

    Servers used to learn automatically, and after a burst of photographs they no longer
    found crops. A calibration learned in this way is renamed, and the log says so.

    Args:
        data: The data folder.
        evidence: What services declare; used unless something better was learned.
    """
    return Calibration(evidence, _learned(data / CALIBRATION_FILE))


def _learned(file: Path) -> Learned:
    try:
        found = Learned.load(file)
    except CorruptDataError as error:
        _log.warning("%s; the shipped calibration is used until then", error)
        return NOTHING_LEARNED
    if found.accepted or not found.images:
        return found
    _set_aside(file)
    return NOTHING_LEARNED


def _set_aside(file: Path) -> None:
    target = _free(file)
    why = (
        "was learned by an earlier version, which did not test it: it may find fewer "
        "copies. The shipped one is used"
    )
    advice = "run `ambience train fusion` to learn one and see what it finds"
    try:
        file.rename(target)
    except FileNotFoundError:
        return  # another process was faster, and logs it
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
    """Return a free name to set a file aside under."""
    target = file.with_name(f"{file.name}.set-aside")
    number = 1
    while target.exists() or target.is_symlink():
        number += 1
        target = file.with_name(f"{file.name}.set-aside-{number}")
    return target
