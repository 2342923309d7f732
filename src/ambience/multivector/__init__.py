"""A retrieval service with many vectors an image: votes find it, geometry proves it."""

from ambience.multivector.options import MultiVectorOptions, MultiVectorSettings
from ambience.multivector.placement import Placement, Verifier
from ambience.multivector.retrieval import MultiVectorService, many_vectors

__all__ = [
    "MultiVectorOptions",
    "MultiVectorService",
    "MultiVectorSettings",
    "Placement",
    "Verifier",
    "many_vectors",
]
