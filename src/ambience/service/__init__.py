"""Services: what one can do, what one is, and how one is declared."""

from ambience.service.any_service import AnyService, required, working_sides
from ambience.service.declaration import Declaration, Parts, ServiceSpec
from ambience.service.search_request import MAX_K, SearchRequest
from ambience.service.service import Service
from ambience.service.status import ServiceStatus
from ambience.service.vectors.vector_service import VectorService, one_feature

__all__ = [
    "MAX_K",
    "AnyService",
    "Declaration",
    "Parts",
    "SearchRequest",
    "Service",
    "ServiceSpec",
    "ServiceStatus",
    "VectorService",
    "one_feature",
    "required",
    "working_sides",
]
