"""What an index of the embedded engine can do; a store can always rebuild it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from ambience.core.features import ImageId, Rows
from ambience.engine.collection import Neighbor, TurnRows
from ambience.engine.embedded.row_buffer import View


class Index(Protocol):
    """An index that is fed the changes of a store, and can be saved and loaded.

    Every method may be called from any thread. A search sees every change that had
    returned before the search began.
    """

    def __len__(self) -> int:
        """Return the number of rows that can be found."""
        ...

    @property
    def kind(self) -> str:
        """The kind of index in a word or two, shown to users."""
        ...

    def replace(
        self, gone: Sequence[ImageId], ids: Sequence[ImageId], rows: Rows
    ) -> None:
        """Remove images and add rows as one change: a search sees all of it or none.

        Args:
            gone: Images whose rows are all removed; unknown ids are ignored.
            ids: The image of each of the ``n`` rows; the rows of an image are
                adjacent. An image that may already have rows must be in ``gone`` too.
            rows: Shape ``(n, dim)``, in the dtype of the spec.

        Raises:
            BadInputError: If the rows have the wrong shape or dtype.
        """
        ...

    def save(self, folder: Path) -> None:
        """Write the index into an existing folder, without blocking searches.

        A change made during the save may or may not be included. That does no harm:
        after loading, every change since the sequence number recorded *before* the
        save is replayed, and replaying a change twice is allowed.
        """
        ...

    def load(self, folder: Path) -> None:
        """Replace the content with what `save` wrote.

        Raises:
            CorruptDataError: If files are missing or don't fit together.
        """
        ...


class VectorIndex(Index, Protocol):
    """An index that finds the nearest rows; see `ambience.engine.Collection`."""

    def nearest(self, rows: Rows, *, k: int) -> list[Neighbor]:
        """Return the ``k`` nearest images, sorted by ``(distance, image_id)``."""
        ...

    def within(self, rows: Rows, *, radius: float) -> list[Neighbor]:
        """Return every image at most ``radius`` away, sorted like `nearest`."""
        ...

    def few_rows(self) -> View | None:
        """Return every row if they are few and in memory, ``None`` if they are not."""
        ...

    def groups(
        self, *, radius: float, turn: TurnRows | None = None, threads: int = 1
    ) -> list[list[ImageId]]:
        """Return the groups of images that chains of near images connect.

        Args:
            radius: The largest distance of neighbors in a chain.
            turn: Also compares each row with the turned versions of the others.
            threads: Number of threads that compare.
        """
        ...
