"""What a service that reads words can do besides."""

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

from ambience.core.matches import Answer


@runtime_checkable
class ReadsWords(Protocol):
    """Finds images by words; its declaration says so, too."""

    def search_words(
        self,
        text: str,
        *,
        k: int | None = None,
        radius: float | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> Answer:
        """Find the images that words describe best, nearest first.

        Args:
            text: The words.
            k: How many at most; or
            radius: how far at most. Exactly one of the two.
            options: Fields of the service's options.

        Raises:
            BadParameterError: If an option is wrong, or both or none of ``k`` and
                ``radius`` are given.
        """
        ...
