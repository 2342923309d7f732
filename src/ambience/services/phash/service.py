"""Declares the phash service."""

from ambience.core.settings import ServiceSettings
from ambience.service import ServiceSpec, one_feature
from ambience.service.capabilities import RETRIEVAL, Groups
from ambience.service.vectors.vector_options import VectorOptions
from ambience.services.phash.evidence import EVIDENCE
from ambience.services.phash.extract import MIN_QUALITY, PHashExtractor


class PHashSettings(ServiceSettings):
    """``[services.phash]``: only the settings that every service has."""


SERVICE = ServiceSpec(
    name="phash",
    port=33336,
    settings=PHashSettings,
    abilities=RETRIEVAL | {Groups},
    evidence=lambda _: EVIDENCE,
    make_extractor=lambda *_: PHashExtractor(),
    options=VectorOptions,
    assemble=one_feature(min_quality=MIN_QUALITY),
)
