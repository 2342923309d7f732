"""Which services exist. Names only: a service is imported when it is opened."""

from importlib import import_module
from typing import Any

from ambience.core.errors import NotFoundError
from ambience.service import ServiceSpec

BUILTIN = {
    "phash": "ambience.services.phash.service",
    "color": "ambience.services.color.service",
    "local_features": "ambience.services.local_features.service",
}


def load(name: str) -> ServiceSpec[Any]:
    """Import one service's declaration.

    Raises:
        NotFoundError: If there is no such service.
    """
    if name not in BUILTIN:
        raise NotFoundError(
            f"there is no service {name!r}: there are {', '.join(BUILTIN)}"
        )
    spec: ServiceSpec[Any] = import_module(BUILTIN[name]).SERVICE
    return spec
