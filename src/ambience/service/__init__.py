"""A retrieval service: an extractor, a store and an index, kept in step."""

from ambience.service.declaration import Parts, ServiceSpec
from ambience.service.depth import Depth
from ambience.service.retrieval import RetrievalService, one_feature
from ambience.service.service import Service
from ambience.service.status import ServiceStatus

__all__ = [
    "Depth",
    "Parts",
    "RetrievalService",
    "Service",
    "ServiceSpec",
    "ServiceStatus",
    "one_feature",
]
