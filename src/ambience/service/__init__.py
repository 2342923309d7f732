"""A retrieval service: an extractor, a store and an index, kept in step."""

from ambience.service.declaration import Parts, ServiceSpec
from ambience.service.depth import Depth
from ambience.service.retrieval import RetrievalService, one_feature
from ambience.service.service import Service
from ambience.service.status import ServiceStatus
from ambience.service.words import ReadsWords

__all__ = [
    "Depth",
    "Parts",
    "ReadsWords",
    "RetrievalService",
    "Service",
    "ServiceSpec",
    "ServiceStatus",
    "one_feature",
]
