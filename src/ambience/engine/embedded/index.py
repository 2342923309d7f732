"""What an index of the embedded engine can do. Every index is a rebuildable cache."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from ambience.core.features import ImageId, Rows
from ambience.engine.collection import Neighbor, Turned


class Index(Protocol):
    """An index that is made from the store's changes, saved, and loaded again.

    Any number of threads may call anything at once. A search sees every change that
    had returned before it began.
    """

    def __len__(self) -> int:
        """Return how many rows can be found."""
        ...

    @property
    def kind(self) -> str:
        """What people are told about it, in a word or two."""
        ...

    def replace(
        self, gone: Sequence[ImageId], ids: Sequence[ImageId], rows: Rows
    ) -> None:
        """Remove images and add rows, as one change: a search sees all of it or none.

        Args:
            gone: Images of which every row is removed; an unknown id is no error.
            ids: Whose row each of ``rows`` is, ``n`` of them; the rows of an image
                stand together. Nothing else is replaced: an image that may be there
                already belongs in ``gone``, too.
            rows: Shape ``(n, dim)``, the dtype of the spec.

        Raises:
            BadInputError: When the rows have another shape or dtype.
        """
        ...

    def save(self, folder: Path) -> None:
        """Write the index into an existing folder, without blocking searches.

        A change that comes during the save may be in what is written, or not. That
        does no harm: whoever reads it replays every change after the sequence number
        that was recorded *before* the save began, and a change may be replayed twice.
        """
        ...

    def load(self, folder: Path) -> None:
        """Become what `save` wrote, in place of what was there before.

        Raises:
            CorruptDataError: When the files are missing or don't fit.
        """
        ...


class VectorIndex(Index, Protocol):
    """An index that finds the nearest rows; see `ambience.engine.Collection`."""

    def nearest(self, rows: Rows, *, k: int) -> list[Neighbor]:
        """Return the ``k`` nearest images, by ``(distance, image_id)``."""
        ...

    def within(self, rows: Rows, *, radius: float) -> list[Neighbor]:
        """Return every image at most ``radius`` away, sorted as `nearest` does."""
        ...

    def groups(
        self, *, radius: float, turned: Turned | None = None, threads: int = 1
    ) -> list[list[ImageId]]:
        """Return the groups of images that chains of near ones connect.

        Args:
            radius: How far apart neighbors in a chain may be.
            turned: To compare rows with turned versions of others, too.
            threads: At work at once.
        """
        ...
