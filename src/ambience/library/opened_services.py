"""Opens the services that settings name, in this process or elsewhere."""

import logging
from collections.abc import Sequence
from pathlib import Path

from ambience import registry
from ambience.core.errors import BadParameterError, StoredDataError, UnavailableError
from ambience.core.settings import Settings
from ambience.library.data_folder import is_readonly
from ambience.remote.remote_service import connect
from ambience.service import AnyService
from ambience.service.unavailable_service import UnavailableService

_log = logging.getLogger(__name__)


def open_services(
    settings: Settings, data: Path, names: Sequence[str] = ()
) -> list[AnyService]:
    """Open services, here or elsewhere; one that can't be opened becomes unavailable.

    Args:
        settings: The configuration.
        data: The data folder.
        names: Which ones; empty for all that are enabled.

    Raises:
        NotFoundError: If a service does not exist.
        BadParameterError: If a service's settings are wrong, or there are settings for
            a service that does not exist.
    """
    _check_names(settings)
    services: list[AnyService] = []
    for name in names or registry.enabled(settings):
        declared = registry.load(name)
        own = declared.check(settings.services.get(name, {}))
        if own.url and not names:
            services.append(
                connect(
                    name,
                    own.url,
                    timeout_s=own.timeout_s,
                    options=declared.options,
                    abilities=declared.abilities,
                    is_slow=declared.is_slow,
                )
            )
            continue
        try:
            services.append(declared.open_here(own, data, readonly=is_readonly(data)))
        except (StoredDataError, UnavailableError) as error:
            _log.warning("%s is not available: %s", name, error)
            services.append(
                UnavailableService(
                    name,
                    str(error),
                    declared.options,
                    abilities=declared.abilities,
                    is_slow=declared.is_slow,
                )
            )
    return services


def _check_names(settings: Settings) -> None:
    for where, named in {
        "enabled": settings.enabled,
        "services": settings.services,
    }.items():
        if unknown := [name for name in named if name not in registry.names()]:
            raise BadParameterError(
                f"settings.{where}: there is no service {unknown[0]!r}: "
                f"the services are {', '.join(registry.names())}"
            )
