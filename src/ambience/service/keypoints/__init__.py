"""Services that keep many vectors per image: votes find it, geometry proves it."""

from ambience.service.keypoints.keypoint_options import (
    KeypointOptions,
    KeypointSettings,
)
from ambience.service.keypoints.keypoint_service import KeypointService, many_keypoints
from ambience.service.keypoints.placement import Placement, Verifier

__all__ = [
    "KeypointOptions",
    "KeypointService",
    "KeypointSettings",
    "Placement",
    "Verifier",
    "many_keypoints",
]
