"""The state of a service."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from ambience.core.features import FeatureSpec
from ambience.engine import CollectionStatus


@dataclass(frozen=True, slots=True)
class ServiceStatus(CollectionStatus):
    """The state of a service: that of its collection, and the kind of features.

    Attributes:
        spec: The feature specification, as JSON values.
    """

    spec: Mapping[str, Any]

    @classmethod
    def of(cls, spec: FeatureSpec, status: CollectionStatus) -> Self:
        """Return the status of a service, given that of its collection."""
        return cls(**asdict(status), spec=spec.as_dict())
