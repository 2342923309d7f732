"""Indexes: where the rows nearest to a query are found. A rebuildable cache."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ambience.core.features import ImageId, Rows


@dataclass(frozen=True, slots=True)
class Neighbor:
    """One image near a query.

    Attributes:
        image_id: The image.
        distance: Of its nearest row, in the unit of the spec (divided by its scale).
        version: Which of the query's rows was that near; the first, on a tie.
    """

    image_id: ImageId
    distance: float
    version: int


class Index(Protocol):
    """What can be made from the store's changes, written to disk and read again.

    Any number of threads may call anything at once. A search sees every change that
    had returned before it began.
    """

    def __len__(self) -> int:
        """Return how many rows can be found."""
        ...

    def replace(
        self, gone: Sequence[ImageId], ids: Sequence[ImageId], rows: Rows
    ) -> None:
        """Remove images and add rows, as one change: a search sees all of it or none.

        Args:
            gone: Images of which every row is removed; an unknown id is no error.
            ids: Whose row each of ``rows`` is, ``n`` of them; the rows of an image
                stand together.
            rows: Shape ``(n, dim)``, the dtype of the spec.
        """
        ...

    def save(self, folder: Path) -> None:
        """Write the index into an existing folder, without blocking searches.

        The image written may be fuzzy: a change that comes during the save may be in
        it or not. That does no harm, as the reader replays every change after the
        sequence number recorded *before* the save began, as remove and add, and these
        may be repeated.
        """
        ...

    def load(self, folder: Path) -> None:
        """Become what `save` wrote, in place of what was there before.

        Raises:
            CorruptDataError: When the files are missing or don't fit.
        """
        ...


class VectorIndex(Index, Protocol):
    """Finds the nearest rows."""

    def add(self, ids: Sequence[ImageId], rows: Rows) -> None:
        """Add one row for each id; several for an image where its id stands repeatedly.

        Nothing is replaced: remove an id before adding it anew.

        Args:
            ids: Image ids, ``n`` of them.
            rows: Shape ``(n, dim)``, the dtype of the spec.
        """
        ...

    def remove(self, ids: Sequence[ImageId]) -> None:
        """Remove every row of these images; an unknown id is no error."""
        ...

    def search(self, rows: Rows, *, k: int) -> list[Neighbor]:
        """Return the ``k`` nearest images, fewer where there are fewer.

        Args:
            rows: One query in ``q`` versions, shape ``(q, dim)``.
            k: At least 1.

        Returns:
            Each image once, sorted by ``(distance, image_id)``.
        """
        ...

    def within(self, rows: Rows, *, radius: float) -> list[Neighbor]:
        """Return every image at most ``radius`` away, sorted as `search` does."""
        ...
