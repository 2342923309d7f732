"""What a service can do, how it works, and how it is declared."""

from ambience.service.any_service import AnyService, required, working_sides
from ambience.service.declaration import Declaration, ServiceParts, ServiceSpec
from ambience.service.search_request import MAX_K, SearchRequest
from ambience.service.service import Service
from ambience.service.status import ServiceStatus
from ambience.service.vectors.vector_service import VectorService, one_feature

__all__ = [
    "MAX_K",
    "AnyService",
    "Declaration",
    "SearchRequest",
    "Service",
    "ServiceParts",
    "ServiceSpec",
    "ServiceStatus",
    "VectorService",
    "one_feature",
    "required",
    "working_sides",
]
