"""Which services exist. Names only: a service is imported when it is opened.

Packages add services of their own as entry points, one line each:

    [project.entry-points."ambience.services"]
    faces = "some_package.faces"

The module has the declaration as ``SERVICE``. Such a service is asked once `enabled`
names it.
"""

from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from ambience.core.errors import NotFoundError
from ambience.core.settings import Settings
from ambience.service import Declaration

GROUP = "ambience.services"
"""The group of entry points that name services of other packages."""

BUILTIN = {
    "phash": "ambience.services.phash.service",
    "color": "ambience.services.color.service",
    "local_features": "ambience.services.local_features.service",
}


def names() -> Mapping[str, str]:
    """Return the modules of all services there are, by name, our own first."""
    added = {entry.name: entry.value for entry in entry_points(group=GROUP)}
    return BUILTIN | {name: added[name] for name in sorted(added.keys() - BUILTIN)}


def enabled(settings: Settings) -> tuple[str, ...]:
    """Return the names of the services that are asked."""
    return settings.enabled or tuple(BUILTIN)


def load(name: str) -> Declaration[Any]:
    """Import one service's declaration.

    Raises:
        NotFoundError: If there is no such service.
    """
    module = BUILTIN.get(name) or names().get(name)
    if module is None:
        raise NotFoundError(
            f"there is no service {name!r}: there are {', '.join(names())}"
        )
    declared: Declaration[Any] = import_module(module).SERVICE
    return declared
