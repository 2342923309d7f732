"""The phash room, declared."""

from ambience.core.settings import ServiceSettings
from ambience.service import ServiceSpec, one_feature
from ambience.service.capabilities import RETRIEVAL, Groups
from ambience.service.vectors.vector_options import VectorOptions
from ambience.services.phash.evidence import EVIDENCE
from ambience.services.phash.extract import PHashExtractor


class PHashSettings(ServiceSettings):
    """``[services.phash]``: nothing beyond what every service has."""


# Photographs, drawings and pages of text have 0.7 and more; skies, gradients and
# blank pages 0.15 and less, and their hashes differ at random when recompressed.
MIN_QUALITY = 0.3

SERVICE = ServiceSpec(
    name="phash",
    finds="the same picture after recompression, resizing, small edits and turning",
    port=33336,
    settings=PHashSettings,
    abilities=RETRIEVAL | {Groups},
    evidence=lambda _: EVIDENCE,
    make_extractor=lambda *_: PHashExtractor(),
    options=VectorOptions,
    assemble=one_feature(min_quality=MIN_QUALITY),
)
