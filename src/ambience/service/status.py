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
        store_id: Of the store: another one, where it was lost and made anew.
        seq: Of its newest change; less than before, where an old copy was put back.
    """

    count: int
    rows: int
    index: str
    lag: int
    spec: Mapping[str, Any]
    store_id: str
    seq: int
