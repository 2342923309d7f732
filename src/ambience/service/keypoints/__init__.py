"""A retrieval service with many vectors an image: votes find it, geometry proves it."""

from ambience.service.keypoints.keypoint_service import MultiVectorService, many_vectors
from ambience.service.keypoints.options import MultiVectorOptions, MultiVectorSettings
from ambience.service.keypoints.placement import Placement, Verifier

__all__ = [
    "MultiVectorOptions",
    "MultiVectorService",
    "MultiVectorSettings",
    "Placement",
    "Verifier",
    "many_vectors",
]
