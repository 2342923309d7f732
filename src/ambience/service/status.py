"""How a service is doing."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from ambience.core.features import FeatureSpec
from ambience.engine import CollectionStatus


@dataclass(frozen=True, slots=True)
class ServiceStatus(CollectionStatus):
    """How a service is doing: its collection, and what it holds.

    Attributes:
        spec: The feature specification, as JSON values.
    """

    spec: Mapping[str, Any]

    @classmethod
    def of(cls, spec: FeatureSpec, status: CollectionStatus) -> Self:
        """Return the status of a service whose features are kept in a collection."""
        return cls(**asdict(status), spec=spec.as_dict())
