"""What the gateway's routes are made of."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ambience.catalog import Catalog
from ambience.gateway.fetching import Fetcher
from ambience.gateway.reverse_search import ReverseSearcher
from ambience.imaging import Limits
from ambience.ingest import Originals, Writer
from ambience.web.backend import Backend


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything a gateway needs, opened by whoever starts it.

    Attributes:
        backends: The services.
        catalog: The images.
        writer: Changes images.
        originals: Our own files.
        searcher: Searches with all services.
        limits: What images may cost.
        fetcher: Fetches images from the internet; ``None``: that is not done here.
        missed: Says how many images each service missed and has to get.
    """

    backends: Sequence[Backend]
    catalog: Catalog
    writer: Writer
    originals: Originals
    searcher: ReverseSearcher
    limits: Limits
    fetcher: Fetcher | None
    missed: Callable[[], Mapping[str, int]]
