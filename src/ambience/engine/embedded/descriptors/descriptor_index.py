"""The index of local descriptors: each of an image's many rows is found separately."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from ambience.core.errors import BadInputError, CorruptDataError
from ambience.core.features import ImageId, Rows
from ambience.core.keypoints import ROW, coarse_poses
from ambience.core.rwlock import ReadWriteLock
from ambience.engine.collection import DescriptorNeighbors
from ambience.engine.embedded.descriptors.descriptor_groups import DescriptorGroups
from ambience.engine.embedded.descriptors.faiss_codes import FlatCodes
from ambience.engine.embedded.descriptors.faiss_inverted_codes import InvertedCodes
from ambience.engine.embedded.descriptors.quantizer import Quantizer, name_of

CODES_FILE = "codes.faiss"
SIZES_FILE = "sizes.npy"

TRAINED_FROM = 20_000
"""From this many descriptors on, searching cells is faster than comparing all."""

_GROWTH = 4  # times the descriptors at training: half as many lists as there should be
_DEAD_SHARE = 0.1  # a larger share of removed descriptors displaces too many neighbors
_MIN_DEAD = 1024  # fewer removed descriptors are never worth a sweep
_AT_ONCE = 64  # lists swept while searches wait: 5 ms with 1,000 descriptors in each
_COMPARED = 2_048  # nprobe times the number of lists, while lists are few
_MIN_NPROBE = 2  # one list finds every image of 10,000; two keep more of its votes
_CHUNK = 4_096  # descriptors encoded at once: 2 MB
_LABEL = 16  # bits of a label for scale and angle; the group number is above them
_SCALE_AT = 8  # bits of a label for the angle; the scale is above them


class DescriptorIndex:
    """Finds the stored descriptors nearest to a query's, and their images.

    Without a quantizer it is exact. The rows of an image form a group; the label of a
    descriptor contains its group number, scale and angle. Searches share a lock. A
    change holds it exclusively only while it appends or drops codes; encoding, the slow
    part, is done before.
    """

    def __init__(
        self,
        quantizer: Quantizer | None = None,
        *,
        threads: int = 1,
    ) -> None:
        """Create an empty index.

        Args:
            quantizer: Compresses descriptors to 16 bytes; with ``None`` they are stored
                as they are, and all are compared.
            threads: Number of threads that share a search, or encode many rows.
        """
        self._threads = threads
        self._changing = Lock()  # one change at a time
        self._lock = ReadWriteLock()  # groups and codes change together
        self._groups = DescriptorGroups()
        self._codes: FlatCodes | InvertedCodes
        if quantizer is None:
            self._codes, self._trained = FlatCodes.empty(), 0
        else:
            self._codes = InvertedCodes.empty(quantizer.centroids, quantizer.codebooks)
            self._trained = max(1, quantizer.count)

    def __len__(self) -> int:
        return len(self._groups)

    @property
    def kind(self) -> str:
        """``exact``, or FAISS's name for the quantizer: ``IVF4096,PQ16``."""
        codes = self._codes
        return "exact" if isinstance(codes, FlatCodes) else name_of(codes.lists)

    @property
    def quantizer(self) -> Quantizer | None:
        """What compresses the descriptors, to create another index like this one."""
        codes, trained = self._codes, self._trained
        if isinstance(codes, FlatCodes):
            return None
        return Quantizer(*codes.learned(), trained)

    def training_due(self) -> bool:
        """Return whether the index has grown enough to train a new quantizer."""
        if isinstance(self._codes, FlatCodes):
            return len(self) >= TRAINED_FROM
        return len(self) >= _GROWTH * self._trained

    def replace(
        self, gone: Sequence[ImageId], ids: Sequence[ImageId], rows: Rows
    ) -> None:
        """Remove images and add rows of keypoints, without frames.

        Raises:
            BadInputError: If the rows have the wrong shape or dtype.
        """
        packed = _unpacked(rows)
        if len(packed) != len(ids):
            raise BadInputError(f"{len(packed)} rows for {len(ids)} ids")
        with self._changing:
            codes = self._codes
            if isinstance(codes, InvertedCodes) and codes.mapped:
                codes = codes.in_memory()
                with self._lock.write():
                    self._codes = codes
            encoded = self._encoded(codes, packed["descriptor"])
            angles, scales = coarse_poses(rows)
            below = scales << _SCALE_AT | angles
            with self._lock.write():
                self._groups.mark_removed(gone)
                if len(ids):
                    groups = self._groups.append(ids)
                    codes.append(np.concatenate(encoded), groups << _LABEL | below)
                if isinstance(codes, FlatCodes):
                    self._drop_removed(codes)
            if isinstance(codes, InvertedCodes):
                self._sweep(codes)

    def nearest(
        self, rows: Rows, *, k: int, nprobe: int | None = None
    ) -> DescriptorNeighbors:
        """Return the nearest stored descriptors of each query descriptor.

        Args:
            rows: Keypoints without frames, shape ``(q, 136)``.
            k: Neighbors per query descriptor, at least 1.
            nprobe: Lists to search per query descriptor, if there are lists; by default
                2, and more if there are fewer than 1,024 lists.

        Raises:
            BadInputError: If the rows have the wrong shape or dtype.
        """
        packed = _unpacked(rows)
        with self._lock.read():
            if len(packed) and len(self._codes):
                squares, labels = self._nearest(packed["descriptor"], k, nprobe)
            else:
                squares = np.full((len(packed), k), np.inf, dtype=np.float32)
                labels = np.full((len(packed), k), -1, dtype=np.int64)
            # The shift keeps the sign of -1.
            image_ids = self._groups.image_ids(labels >> _LABEL)
        squares[labels < 0] = np.inf
        return DescriptorNeighbors(
            distances=np.sqrt(np.maximum(squares, 0), dtype=np.float64),
            image_ids=image_ids,
            angles=labels.astype(np.uint8),
            scales=labels >> _SCALE_AT & 0xFF,
        )

    def save(self, folder: Path) -> None:
        """Write `CODES_FILE`, `SIZES_FILE`, ``rows.npy`` and ``ids.npy``.

        Changes wait meanwhile; searches don't.
        """
        file = folder / CODES_FILE
        with self._changing:
            draft = file.with_suffix(".draft")
            self._codes.write(draft)
            draft.replace(file)  # the current codes may be mapped from that file
            sizes = np.array([self._trained, file.stat().st_size], dtype=np.int64)
            np.save(folder / SIZES_FILE, sizes, allow_pickle=False)
            self._groups.save(folder)

    def load(self, folder: Path) -> None:
        """Load what `save` wrote; codes stay in the file until the first change."""
        groups = DescriptorGroups.loaded(folder)
        trained = _trained(folder)
        reader = InvertedCodes if trained else FlatCodes
        codes = reader.read(folder / CODES_FILE)
        if not _match(codes, groups):
            message = (
                f"the index snapshot in {folder} has descriptors of unknown images"
            )
            raise CorruptDataError(message)
        with self._changing, self._lock.write():
            self._groups, self._codes = groups, codes
            self._trained = trained

    def _nearest(
        self, descriptors: NDArray[np.uint8], k: int, nprobe: int | None
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Return the result of `Codes.nearest`, with several threads."""
        codes, threads = self._codes, self._threads
        if nprobe is None:
            lists = codes.lists if isinstance(codes, InvertedCodes) else 1
            nprobe = max(_MIN_NPROBE, _COMPARED // lists)

        def nearest(
            part: NDArray[np.uint8],
        ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
            return codes.nearest(part, k=k, nprobe=nprobe)

        if threads == 1 or len(descriptors) < threads:
            return nearest(descriptors)
        with ThreadPoolExecutor(threads) as pool:
            parts = list(pool.map(nearest, np.array_split(descriptors, threads)))
        return (
            np.concatenate([squares for squares, _ in parts]),
            np.concatenate([labels for _, labels in parts]),
        )

    def _encoded(
        self, codes: FlatCodes | InvertedCodes, descriptors: NDArray[np.uint8]
    ) -> list[NDArray[np.uint8]]:
        """Return the results of `Codes.encode` for each chunk."""
        parts = [
            descriptors[start : start + _CHUNK]
            for start in range(0, len(descriptors), _CHUNK)
        ]
        if self._threads == 1 or len(parts) == 1:  # one chunk can't be shared
            return [codes.encode(part) for part in parts]
        with ThreadPoolExecutor(self._threads) as pool:
            return list(pool.map(codes.encode, parts))

    def _drop_removed(self, codes: FlatCodes) -> None:
        """Remove dead descriptors from an exact index: they displace others."""
        if len(codes) > len(self._groups):
            labels = codes.labels()
            codes.remove(labels[self._groups.image_ids(labels >> _LABEL) < 0])

    def _sweep(self, codes: InvertedCodes) -> None:
        """Drop removed descriptors once there are many, a few lists at a time."""
        dead = len(codes) - len(self._groups)
        if dead <= max(_MIN_DEAD, _DEAD_SHARE * len(codes)):
            return
        living = self._groups.living()
        for start in range(0, codes.lists, _AT_ONCE):
            with self._lock.write():
                for number in range(start, min(start + _AT_ONCE, codes.lists)):
                    kept = living[codes.labels(number) >> _LABEL]
                    if not kept.all():
                        codes.keep(number, kept)


def _unpacked(rows: Rows) -> NDArray[np.void]:
    """Return rows as an array of `ROW`, shape ``(n,)``."""
    if rows.shape[1:] != (ROW.itemsize,) or rows.dtype != np.uint8:
        message = (
            f"the index takes (n, {ROW.itemsize}) rows of uint8, "
            f"not {rows.shape} of {rows.dtype}"
        )
        raise BadInputError(message)
    return np.ascontiguousarray(rows).view(ROW)[:, 0]


def _trained(folder: Path) -> int:
    """Return how many descriptors a saved quantizer was trained for, 0 without one.

    Raises:
        CorruptDataError: If that can't be read, or the file of codes has another size
            than recorded: FAISS would map a truncated file and read past its end.
    """
    try:
        sizes = np.load(folder / SIZES_FILE, allow_pickle=False)
        size = (folder / CODES_FILE).stat().st_size
    except (OSError, ValueError, EOFError) as error:
        message = f"the index snapshot in {folder} can't be read: {error}"
        raise CorruptDataError(message) from error
    if sizes.shape != (2,) or sizes.dtype != np.int64 or sizes[1] != size:
        raise CorruptDataError(f"the index snapshot in {folder} is not complete")
    return int(sizes[0])


def _match(codes: FlatCodes | InvertedCodes, groups: DescriptorGroups) -> bool:
    """Return whether every label has a group, and every group its labels."""
    lists = (
        [codes.labels()]
        if isinstance(codes, FlatCodes)
        else map(codes.labels, range(codes.lists))
    )
    last = groups.count << _LABEL
    return len(codes) >= len(groups) and all(
        labels.min(initial=0) >= 0 and labels.max(initial=-1) < last for labels in lists
    )
