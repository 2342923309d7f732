"""A retrieval service: an extractor, a store and an index, kept in step."""

from ambience.service.declaration import Parts, Service, ServiceSpec
from ambience.service.retrieval import RetrievalService, one_feature
from ambience.service.status import ServiceStatus

__all__ = [
    "Parts",
    "RetrievalService",
    "Service",
    "ServiceSpec",
    "ServiceStatus",
    "one_feature",
]
