"""What is inside a service that keeps its features in files, for tests to disturb."""

from threading import Thread
from typing import Any, cast

from ambience.engine.embedded.descriptors.stored_descriptors import StoredDescriptors
from ambience.engine.embedded.descriptors.training import Trainer
from ambience.engine.embedded.index_follower import IndexFollower
from ambience.engine.embedded.store import FeatureStore
from ambience.engine.embedded.stored_features import StoredFeatures
from ambience.engine.embedded.stored_vectors import StoredVectors
from ambience.service import Service


def collection_of(service: Service[Any]) -> StoredFeatures[Any]:
    collection = service._collection  # noqa: SLF001 -- to disturb it
    assert isinstance(collection, StoredFeatures)
    return collection


def vectors_of(service: Service[Any]) -> StoredVectors:
    return cast("StoredVectors", collection_of(service))


def store_of(service: Service[Any]) -> FeatureStore:
    return collection_of(service)._store  # noqa: SLF001 -- to disturb it


def follower_of(service: Service[Any]) -> IndexFollower[Any]:
    return collection_of(service)._follower  # noqa: SLF001 -- to disturb it


def trainer_of(service: Service[Any]) -> Trainer:
    collection = collection_of(service)
    assert isinstance(collection, StoredDescriptors)
    return collection._trainer  # noqa: SLF001 -- to disturb it


def training_of(service: Service[Any]) -> Thread | None:
    """Return the thread that trains or has trained last."""
    return trainer_of(service)._thread  # noqa: SLF001 -- to wait for it


def forget_changes(service: Service[Any]) -> None:
    """Let the service close without a snapshot, as if it was killed now."""
    follower = follower_of(service)
    follower._saved_seq = follower._seq  # noqa: SLF001 -- to disturb it
