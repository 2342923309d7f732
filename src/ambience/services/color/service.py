"""The color room, declared."""

from ambience.core.settings import ServiceSettings
from ambience.service import ServiceSpec, one_feature
from ambience.service.vectors.vector_options import VectorOptions
from ambience.services.color.evidence import EVIDENCE
from ambience.services.color.extract import ColorExtractor


class ColorSettings(ServiceSettings):
    """``[services.color]``: nothing beyond what every service has."""


SERVICE = ServiceSpec(
    name="color",
    finds="images with a similar palette, whatever they show",
    port=33335,
    settings=ColorSettings,
    evidence=lambda _: EVIDENCE,
    make_extractor=lambda *_: ColorExtractor(),
    options=VectorOptions,
    assemble=one_feature(background=True),
)
