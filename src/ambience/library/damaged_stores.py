"""Sets aside unusable stores, so that their services start again with empty ones."""

import logging
from datetime import UTC, datetime
from pathlib import Path

from ambience import registry
from ambience.core.errors import CorruptDataError, StoredDataError, UnavailableError
from ambience.core.settings import Settings

_log = logging.getLogger(__name__)


def set_aside(folder: Path) -> Path:
    """Rename a service's folder; return its new path.

    Its features are not deleted: those of images without a file exist only here.
    """
    aside = folder.with_name(f"{folder.name}.{datetime.now(UTC):%Y%m%dT%H%M%S}")
    folder.rename(aside)
    return aside


def set_damaged_aside(settings: Settings, data: Path) -> dict[str, Path]:
    """Set aside the damaged stores in a data folder.

    Nobody else may use the folder meanwhile.

    Returns:
        Where the old features are, by service.
    """
    aside: dict[str, Path] = {}
    for name in registry.enabled(settings):
        declared = registry.load(name)
        own = declared.check(settings.services.get(name, {}))
        if own.url:
            continue
        try:
            declared.open_here(own, data).close()
        except CorruptDataError as error:
            _log.warning("%s", error)
            aside[name] = set_aside(declared.folder(data))
        except (StoredDataError, UnavailableError) as error:
            _log.info("%s is not available: %s", name, error)  # the check reports it
    return aside
