"""The index of local descriptors: many rows an image, searched by votes."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from ambience.core.errors import BadInputError, CorruptDataError
from ambience.core.features import ImageId, Rows
from ambience.core.keypoints import ROW
from ambience.core.rwlock import ReadWriteLock
from ambience.engine.embedded.descriptors.descriptor_groups import Owners
from ambience.engine.embedded.descriptors.faiss_inverted import FlatCodes, InvertedCodes
from ambience.engine.embedded.descriptors.quantizer import Quantizer, name_of
from ambience.engine.embedded.descriptors.votes import (
    UNLIKE_SHARE,
    Candidate,
    Found,
    candidates,
)

CODES_FILE = "codes.faiss"
SIZES_FILE = "sizes.npy"

TRAINED_FROM = 20_000
"""Descriptors from which a search of all takes longer than one by cells."""

_GROWTH = 4  # times as many as at the training: half as many lists as there should be
_DEAD_SHARE = 0.1  # of removed descriptors, past which they take neighbors' places
_MIN_DEAD = 1024  # fewer are never worth a sweep
_AT_ONCE = 64  # lists swept while searches wait: 5 ms with 1,000 descriptors in each
_COMPARED = 2_048  # lists times nprobe, as long as lists are few
_MIN_NPROBE = 2  # even one finds every image of 10,000; two keep more of its votes
_COARSE = 8  # bits dropped of the angle and the scale of a row, which keep 8
_CHUNK = 4_096  # descriptors encoded at once: 2 MB of them
_LABEL = 16  # bits of a label below the number of the group: scale and angle


class DescriptorIndex:
    """Local descriptors, of which each finds its nearest and votes for their image.

    Exact until it is made anew with a quantizer. The rows of an image are a group; a
    descriptor is kept under a label that holds the number of its group, its scale and
    its angle. Searches share a lock that a change has alone only while codes are
    appended or left out; encoding, the long part, comes before.
    """

    def __init__(
        self,
        quantizer: Quantizer | None = None,
        *,
        unlike: float = UNLIKE_SHARE * 512,
        threads: int = 1,
    ) -> None:
        """Start empty.

        Args:
            quantizer: Compresses descriptors to 16 bytes; ``None`` to keep them as
                they are and compare all.
            unlike: See `votes.candidates`; the default is for descriptors of length
                512.
            threads: How many share the encoding of many rows.
        """
        self._unlike = unlike
        self._threads = threads
        self._changing = Lock()  # one change at a time
        self._lock = ReadWriteLock()  # what follows belongs together
        self._owners = Owners()
        self._codes: FlatCodes | InvertedCodes
        if quantizer is None:
            self._codes, self._trained = FlatCodes(), 0
        else:
            self._codes = InvertedCodes.empty(quantizer.centroids, quantizer.codebooks)
            self._trained = max(1, quantizer.count)

    def __len__(self) -> int:
        return len(self._owners)

    @property
    def kind(self) -> str:
        """``exact``, or FAISS's name for the quantizer: ``IVF4096,PQ16``."""
        codes = self._codes
        return "exact" if isinstance(codes, FlatCodes) else name_of(codes.lists)

    @property
    def quantizer(self) -> Quantizer | None:
        """What compresses the descriptors: with it, another may be filled anew."""
        codes, trained = self._codes, self._trained
        if isinstance(codes, FlatCodes):
            return None
        return Quantizer(*codes.learned(), trained)

    def training_due(self) -> bool:
        """Tell whether a quantizer should be trained with what there is now."""
        if isinstance(self._codes, FlatCodes):
            return len(self) >= TRAINED_FROM
        return len(self) >= _GROWTH * self._trained

    def replace(
        self, gone: Sequence[ImageId], ids: Sequence[ImageId], rows: Rows
    ) -> None:
        """Remove images and add rows of keypoints, without frames.

        Raises:
            BadInputError: When the rows have another shape or dtype.
        """
        packed = _unpacked(rows)
        if len(packed) != len(ids):
            raise BadInputError(f"{len(packed)} rows of {len(ids)} ids")
        with self._changing:
            codes = self._codes
            if isinstance(codes, InvertedCodes) and codes.mapped:
                codes = codes.owned()
                with self._lock.write():
                    self._codes = codes
            encoded = self._encoded(codes, packed["descriptor"])
            below = (packed["scale"] >> _COARSE).astype(np.int64) << _COARSE
            below |= packed["angle"] >> _COARSE
            with self._lock.write():
                self._owners.mark_removed(gone)
                if len(ids):
                    groups = self._owners.append(ids)
                    codes.append(np.concatenate(encoded), groups << _LABEL | below)
                if isinstance(codes, FlatCodes):
                    self._take_out(codes)
            if isinstance(codes, InvertedCodes):
                self._sweep(codes)

    def votes(  # noqa: PLR0913 -- the subject, and options by name
        self,
        rows: Rows,
        versions: NDArray[np.int64],
        *,
        count: int,
        nprobe: int | None = None,
        neighbors: int = 10,
        threads: int = 1,
    ) -> list[Candidate]:
        """Return the images with most votes that agree in turn and scale.

        See `votes.candidates` for the rule.

        Args:
            rows: Keypoints of a query in one or several versions, without frames,
                shape ``(q, 136)``.
            versions: Which of them each row is of, from 0, shape ``(q,)``.
            count: At most so many are returned.
            nprobe: Lists that each row looks into, where there are any; `None` for 2,
                and more where there are fewer than 1,024 lists.
            neighbors: Of each row, at least 1. Ten of 4,000,000 are enough: with 30,
                unrelated images gather more votes.
            threads: How many share the work.

        Returns:
            Each image once a version, sorted by ``(-votes, image_id, version)``.

        Raises:
            BadInputError: When the rows have another shape or dtype.
        """
        packed = _unpacked(rows)
        versions = np.asarray(versions, dtype=np.int64)
        if versions.shape != packed.shape:
            raise BadInputError(f"{len(packed)} rows of {len(versions)} versions")
        if not len(packed) or count < 1:
            return []
        with self._lock.read():
            if not len(self._codes):
                return []
            squares, labels = self._nearest(
                packed["descriptor"], neighbors, nprobe, threads
            )
            # the shift keeps the sign of -1
            owners = self._owners.of(labels >> _LABEL)
        squares[labels < 0] = np.inf
        angles = (packed["angle"] >> _COARSE).astype(np.uint8)
        scales = (packed["scale"] >> _COARSE).astype(np.int64)
        found = Found(
            distances=np.sqrt(np.maximum(squares, 0), dtype=np.float64),
            owners=owners,
            turns=labels.astype(np.uint8) - angles[:, None],
            scalings=(labels >> _COARSE & 0xFF) - scales[:, None],
            versions=versions,
        )
        return candidates(found, count=count, unlike=self._unlike)

    def save(self, folder: Path) -> None:
        """Write `CODES_FILE`, `SIZES_FILE`, ``rows.npy`` and ``ids.npy``.

        Changes wait meanwhile, searches don't.
        """
        file = folder / CODES_FILE
        with self._changing:
            draft = file.with_suffix(".draft")
            self._codes.write(draft)
            draft.replace(file)  # these codes may be mapped from there
            sizes = np.array([self._trained, file.stat().st_size], dtype=np.int64)
            np.save(folder / SIZES_FILE, sizes, allow_pickle=False)
            self._owners.save(folder)

    def load(self, folder: Path) -> None:
        """Become what `save` wrote; codes stay in the file until the first change."""
        owners = Owners.loaded(folder)
        trained = _trained(folder)
        reader = InvertedCodes if trained else FlatCodes
        codes = reader.read(folder / CODES_FILE)
        if not _belong(codes, owners):
            message = f"the index snapshot in {folder} has codes of unknown images"
            raise CorruptDataError(message)
        with self._changing, self._lock.write():
            self._owners, self._codes = owners, codes
            self._trained = trained

    def _nearest(
        self,
        descriptors: NDArray[np.uint8],
        neighbors: int,
        nprobe: int | None,
        threads: int,
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Return what `Codes.nearest` does, by several threads."""
        codes = self._codes
        if nprobe is None:
            lists = codes.lists if isinstance(codes, InvertedCodes) else 1
            nprobe = max(_MIN_NPROBE, _COMPARED // lists)

        def nearest(
            part: NDArray[np.uint8],
        ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
            return codes.nearest(part, k=neighbors, nprobe=nprobe)

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
        """Return what `Codes.encode` does, part by part."""
        parts = [
            descriptors[start : start + _CHUNK]
            for start in range(0, len(descriptors), _CHUNK)
        ]
        if len(parts) < 2 or self._threads == 1:  # noqa: PLR2004 -- nothing to share
            return [codes.encode(part) for part in parts]
        with ThreadPoolExecutor(self._threads) as pool:
            return list(pool.map(codes.encode, parts))

    def _take_out(self, codes: FlatCodes) -> None:
        """Take removed descriptors out of an exact index: it finds no others less."""
        if len(codes) > len(self._owners):
            labels = codes.labels()
            codes.remove(labels[self._owners.of(labels >> _LABEL) < 0])

    def _sweep(self, codes: InvertedCodes) -> None:
        """Leave removed descriptors out, once they are many, some lists at a time."""
        dead = len(codes) - len(self._owners)
        if dead <= max(_MIN_DEAD, _DEAD_SHARE * len(codes)):
            return
        living = self._owners.living()
        for start in range(0, codes.lists, _AT_ONCE):
            with self._lock.write():
                for number in range(start, min(start + _AT_ONCE, codes.lists)):
                    kept = living[codes.labels(number) >> _LABEL]
                    if not kept.all():
                        codes.keep(number, kept)


def _unpacked(rows: Rows) -> NDArray[np.void]:
    """Return rows as an array of `ROW`, shape ``(n,)``."""
    if rows.ndim != 2 or rows.shape[1] != ROW.itemsize or rows.dtype != np.uint8:  # noqa: PLR2004 a table
        message = (
            f"the index takes (n, {ROW.itemsize}) rows of uint8, "
            f"not {rows.shape} of {rows.dtype}"
        )
        raise BadInputError(message)
    return np.ascontiguousarray(rows).view(ROW)[:, 0]


def _trained(folder: Path) -> int:
    """Return for how many descriptors a saved quantizer was trained, 0 without one.

    Raises:
        CorruptDataError: When that can't be read, or codes are missing: FAISS maps a
            file whose last list is cut off, and reads past its end.
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


def _belong(codes: FlatCodes | InvertedCodes, owners: Owners) -> bool:
    """Tell whether every label has its group, and no group more than its labels."""
    lists = (
        [codes.labels()]
        if isinstance(codes, FlatCodes)
        else map(codes.labels, range(codes.lists))
    )
    last = owners.count << _LABEL
    return len(codes) >= len(owners) and all(
        labels.min(initial=0) >= 0 and labels.max(initial=-1) < last for labels in lists
    )
