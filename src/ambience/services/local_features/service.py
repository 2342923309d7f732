"""Declares the local_features service."""

from pathlib import Path
from typing import Literal

from ambience.service import ServiceSpec
from ambience.service.capabilities import RETRIEVAL, Trainable
from ambience.service.keypoints import (
    KeypointOptions,
    KeypointSettings,
    many_keypoints,
)
from ambience.services.local_features.evidence import EVIDENCE
from ambience.services.local_features.extract import (
    Describer,
    LocalFeaturesExtractor,
    RootSift,
)
from ambience.services.local_features.model import HardNetDescriber
from ambience.services.local_features.verify import GeometryVerifier

WEIGHTS = "hardnet8.onnx"
"""The file with the network's weights, in the folder of models."""


class LocalFeaturesSettings(KeypointSettings):
    """``[services.local_features]``.

    Attributes:
        descriptor: How keypoints are described: ``rootsift``, which needs no download,
            or ``hardnet8``, a network whose weights must be in the folder of models.
    """

    descriptor: Literal["rootsift", "hardnet8"] = "rootsift"


def make_extractor(
    settings: LocalFeaturesSettings, models: Path
) -> LocalFeaturesExtractor:
    """Return the extractor with the descriptor in the settings.

    Raises:
        UnavailableError: If its weights are missing.
    """
    describer: Describer
    match settings.descriptor:
        case "rootsift":
            describer = RootSift()
        case "hardnet8":
            describer = HardNetDescriber(models / WEIGHTS)
    return LocalFeaturesExtractor(describer)


SERVICE = ServiceSpec(
    name="local_features",
    port=33333,
    settings=LocalFeaturesSettings,
    abilities=RETRIEVAL | {Trainable},
    options=KeypointOptions,
    evidence=lambda _: EVIDENCE,
    is_slow=True,  # several times as long as hash and color together
    make_extractor=make_extractor,
    assemble=many_keypoints(GeometryVerifier()),
)
