"""A retrieval service: an extractor, a store and an index, kept in step."""

from ambience.service.declaration import ServiceSpec
from ambience.service.retrieval import RetrievalService, ServiceStatus

__all__ = ["RetrievalService", "ServiceSpec", "ServiceStatus"]
