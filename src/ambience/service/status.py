"""How a service is doing."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class ServiceStatus:
    """How a service is doing.

    Attributes:
        count: Images stored.
        rows: Rows that a search looks through.
        index: Kind of index.
        lag: Changes stored and not yet in the index.
        spec: The feature specification, as JSON values.
    """

    count: int
    rows: int
    index: str
    lag: int
    spec: Mapping[str, Any]
