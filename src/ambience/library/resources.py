"""What an open library consists of."""

from collections.abc import Sequence
from dataclasses import dataclass

from ambience.catalog import Catalog
from ambience.imaging import Limits
from ambience.ingest import Originals, Writer
from ambience.ingest.fetching.fetcher import Fetcher
from ambience.search.reverse_search import ReverseSearcher
from ambience.service import AnyService
from ambience.sync import Backlog


@dataclass(frozen=True, slots=True)
class Resources:
    """Everything that searches in a library and changes to it need, opened.

    Attributes:
        services: All that are enabled, here or elsewhere.
        catalog: The images.
        writer: Changes images.
        originals: Our own files.
        searcher: Searches with all services.
        limits: What images may cost.
        fetcher: Fetches images from the internet; ``None``: that is not done here.
        backlog: The work that waits for services.
    """

    services: Sequence[AnyService]
    catalog: Catalog
    writer: Writer
    originals: Originals
    searcher: ReverseSearcher
    limits: Limits
    fetcher: Fetcher | None
    backlog: Backlog
