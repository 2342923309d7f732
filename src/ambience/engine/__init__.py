"""Where features are kept and the nearest are found."""

from ambience.engine.collection import (
    Collection,
    CollectionStatus,
    DescriptorCollection,
    DescriptorNeighbors,
    Engine,
    Features,
    Neighbor,
    Reading,
    Turned,
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
    "Turned",
]
