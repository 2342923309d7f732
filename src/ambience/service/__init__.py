"""The shapes that services come in, and how they are declared and asked."""

from ambience.service.declaration import Parts, ServiceSpec
from ambience.service.reads_words import ReadsWords
from ambience.service.search_request import SearchRequest
from ambience.service.service import Service
from ambience.service.status import ServiceStatus
from ambience.service.vectors.vector_service import VectorService, one_feature

__all__ = [
    "Parts",
    "ReadsWords",
    "SearchRequest",
    "Service",
    "ServiceSpec",
    "ServiceStatus",
    "VectorService",
    "one_feature",
]
