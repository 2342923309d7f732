"""Stores features and finds the nearest ones."""

from ambience.engine.collection import (
    Collection,
    CollectionStatus,
    DescriptorCollection,
    DescriptorNeighbors,
    Engine,
    Features,
    Neighbor,
    Reading,
    TurnRows,
)

__all__ = [
    "Collection",
    "CollectionStatus",
    "DescriptorCollection",
    "DescriptorNeighbors",
    "Engine",
    "Features",
    "Neighbor",
    "Reading",
    "TurnRows",
]
