"""The phash room, declared."""

from ambience.core.settings import ServiceSettings
from ambience.engine.embedded.hamming.hamming_index import HammingIndex
from ambience.service import ServiceSpec, one_feature
from ambience.services.phash.extract import MIN_QUALITY, PHashExtractor


class PHashSettings(ServiceSettings):
    """``[services.phash]``: nothing beyond what every service has."""


SERVICE = ServiceSpec(
    name="phash",
    finds="the same picture after recompression, resizing, small edits and turning",
    port=33336,
    settings=PHashSettings,
    make_extractor=lambda *_: PHashExtractor(),
    assemble=one_feature(
        lambda store: HammingIndex(store.spec), min_quality=MIN_QUALITY
    ),
)
