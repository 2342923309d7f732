"""A retrieval service: an extractor, a store and an index, kept in step."""

from ambience.service.declaration import Parts, ServiceSpec
from ambience.service.reads_words import ReadsWords
from ambience.service.search_request import SearchRequest
from ambience.service.service import Service
from ambience.service.status import ServiceStatus
from ambience.service.vectors.vector_service import RetrievalService, one_feature

__all__ = [
    "Parts",
    "ReadsWords",
    "RetrievalService",
    "SearchRequest",
    "Service",
    "ServiceSpec",
    "ServiceStatus",
    "one_feature",
]
