"""What a service that reads words can do besides."""

from typing import Protocol, runtime_checkable

from ambience.core.matches import Answer
from ambience.service.search_request import SearchRequest


@runtime_checkable
class ReadsWords(Protocol):
    """Finds images by words; its declaration says so, too."""

    def search_text(
        self,
        text: str,
        request: SearchRequest,
    ) -> Answer:
        """Find the images that words describe best, nearest first.

        Args:
            text: The words.
            request: How many at most or how far, and the options.

        Raises:
            BadParameterError: If an option is wrong.
        """
        ...
