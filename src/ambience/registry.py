"""The names of all services; a service is imported only when it is opened.

Other packages add services as entry points, one line each:

    [project.entry-points."ambience.services"]
    faces = "some_package.faces"

The module declares the service as ``SERVICE``. Such a service is used once the setting
`enabled` names it.
"""

from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from ambience.core.errors import NotFoundError
from ambience.core.settings import Settings
from ambience.service import Declaration

GROUP = "ambience.services"
"""The group of entry points with which packages add services."""

BUILTIN = {
    "phash": "ambience.services.phash.service",
    "color": "ambience.services.color.service",
    "local_features": "ambience.services.local_features.service",
}


def names() -> Mapping[str, str]:
    """Return the modules of all services by name, the built-in ones first."""
    added = {entry.name: entry.value for entry in entry_points(group=GROUP)}
    return BUILTIN | {name: added[name] for name in sorted(added.keys() - BUILTIN)}


def enabled(settings: Settings) -> tuple[str, ...]:
    """Return the names of the services in use."""
    return settings.enabled or tuple(BUILTIN)


def load(name: str) -> Declaration[Any]:
    """Import and return a service's declaration.

    Raises:
        NotFoundError: If there is no such service.
    """
    module = BUILTIN.get(name) or names().get(name)
    if module is None:
        raise NotFoundError(
            f"there is no service {name!r}: the services are {', '.join(names())}"
        )
    declared: Declaration[Any] = import_module(module).SERVICE
    return declared
