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
    """Return what each enabled service declares of its matches, by name.

    Raises:
        NotFoundError: If there is no service of a name.
        BadParameterError: If a service's settings are wrong.
    """
    declared = map(registry.load, registry.enabled(settings))
    return {
        one.name: one.evidence(one.check(settings.services.get(one.name, {})))
        for one in declared
        if one.evidence is not None
    }


def calibration_of(data: Path, evidence: Mapping[str, Evidence]) -> Calibration:
    """Return how to read the distances of services in a library.

    Servers used to learn by themselves, and lost crops where a library held a burst of
    photographs. What they learned is renamed, and named in the log.

    Args:
        data: The data folder.
        evidence: What services declare, which is used where nothing better was learned.
    """
    return Calibration(evidence, _learned(data / CALIBRATION_FILE))


def _learned(file: Path) -> Learned:
    try:
        found = Learned.load(file)
    except CorruptDataError as error:
        _log.warning("%s; until then the shipped one is used", error)
        return NOTHING_LEARNED
    if found.accepted or not found.images:
        return found
    _set_aside(file)
    return NOTHING_LEARNED


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
