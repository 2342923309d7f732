"""What ``copies.py`` compares ambience with: other ways to find copies."""

import io
from collections.abc import Callable, Iterable
from typing import Any, Protocol

import cv2
import faiss
import imagehash
import numpy as np
import pdqhash
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageOps

Bits = NDArray[np.bool_]
"""Hashes of one image, shape ``(ways to turn it, bits)``; as it stands, first."""


class Peer(Protocol):
    """Finds copies in its own way."""

    def add(self, images: Iterable[tuple[int, bytes]]) -> None:
        """Index files by number; called once."""
        ...

    def search(self, data: bytes) -> list[int]:
        """Return the numbers of the images that are claimed as copies, best first."""
        ...


def picture(data: bytes) -> Pillow.Image:
    """Return a file's image upright, in RGB."""
    with Pillow.open(io.BytesIO(data)) as image:
        return ImageOps.exif_transpose(image).convert("RGB")


class Hashes:
    """One hash an image; copies are at most so many bits apart."""

    def __init__(self, bits: Callable[[Pillow.Image], Bits], radius: int) -> None:
        self._bits = bits
        self._radius = radius

    def add(self, images: Iterable[tuple[int, bytes]]) -> None:
        """See `Peer.add`."""
        rows = [(number, self._packed(data)[0]) for number, data in images]
        self._numbers = np.array([number for number, _ in rows])
        self._rows = np.stack([row for _, row in rows])

    def search(self, data: bytes) -> list[int]:
        """See `Peer.search`."""
        differing = self._rows ^ self._packed(data)[:, np.newaxis]
        apart = np.bitwise_count(differing).sum(axis=2, dtype=np.int64).min(axis=0)
        near = np.flatnonzero(apart <= self._radius)
        return self._numbers[near[np.argsort(apart[near], kind="stable")]].tolist()

    def _packed(self, data: bytes) -> NDArray[np.uint8]:
        return np.packbits(self._bits(picture(data)), axis=1)


def pdq(image: Pillow.Image) -> Bits:
    """Return the 256 bits of PDQ, https://github.com/facebook/ThreatExchange."""
    hashed, _ = pdqhash.compute(np.asarray(image))
    return np.array([hashed], bool)


def pdq_dihedral(image: Pillow.Image) -> Bits:
    """Return PDQ of the image turned and mirrored in eight ways."""
    hashed, _ = pdqhash.compute_dihedral(np.asarray(image))
    return np.array(hashed, bool)


def phash64(image: Pillow.Image) -> Bits:
    """Return ImageHash's 64 bits."""
    return imagehash.phash(image).hash.reshape(1, -1)


class Sift:
    """Local features the original's way, written again from its description.

    The strongest keypoints of an image, wherever they are; a compressed index votes
    for images; the best are verified, descriptor by descriptor, by a homography. Its
    keypoints and index are as described; what the description leaves open (probes,
    votes, ratio, pixels) is chosen here, in its favor.
    """

    _SIDE = 640  # pixels
    _KEYPOINTS = 300
    _PROBES = 16  # lists
    _NEIGHBORS = 5  # of a descriptor, each a vote
    _VOTES = 4  # or no homography is tried
    _CANDIDATES = 20  # as many as ambience answers
    _RATIO = 0.8  # D. Lowe's, both ways
    _OFF = 3.0  # pixels
    _INLIERS = 12
    _ROUNDS = (3, 4, 8)  # of training; FAISS's own 50, 40 and 25 take minutes
    _TO_TRAIN = 39  # descriptors a list or code: what FAISS wants at least

    def __init__(self) -> None:
        self._sift = cv2.SIFT_create(nfeatures=self._KEYPOINTS)

    def add(self, images: Iterable[tuple[int, bytes]]) -> None:
        """See `Peer.add`."""
        self._kept = {number: self._features(data) for number, data in images}
        counts = [len(points) for points, _ in self._kept.values()]
        self._owners = np.repeat(list(self._kept), counts)
        rows = np.concatenate([rooted(found) for _, found in self._kept.values()])
        lists = round(len(rows) ** 0.5)
        self._index: Any = faiss.index_factory(rows.shape[1], f"OPQ64,IVF{lists},PQ64")
        rotation = faiss.downcast_VectorTransform(self._index.chain.at(0))
        rotation.niter, rotation.niter_pq_0, codes = self._ROUNDS
        inverted = faiss.downcast_index(faiss.extract_index_ivf(self._index))
        inverted.pq.cp.niter = codes
        inverted.do_polysemous_training = False  # slow, for a filter that is not used
        enough = min(len(rows), self._TO_TRAIN * max(256, lists))
        some = np.random.default_rng(0).choice(len(rows), enough, replace=False)
        threads = faiss.omp_get_max_threads()
        faiss.omp_set_num_threads(1)  # in pieces so small, threads wait for each other
        self._index.train(rows[some])
        faiss.omp_set_num_threads(threads)
        self._index.add(rows)
        inverted.nprobe = self._PROBES

    def search(self, data: bytes) -> list[int]:
        """See `Peer.search`."""
        points, descriptors = self._features(data)
        if not len(points):
            return []
        rows = rooted(descriptors)
        cv2.setRNGSeed(0)
        inliers = {
            number: self._inliers(points, rows, *self._kept[number])
            for number in self._candidates(rows)
        }
        good = [number for number, count in inliers.items() if count >= self._INLIERS]
        return sorted(good, key=lambda number: -inliers[number])

    def _features(self, data: bytes) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        """Return places and SIFT descriptors; these are whole numbers up to 255."""
        image = picture(data).convert("L")
        image.thumbnail((self._SIDE, self._SIDE), Pillow.Resampling.LANCZOS)
        points, descriptors = self._sift.detectAndCompute(np.asarray(image), None)
        if descriptors is None:
            return np.zeros((0, 2), np.float32), np.zeros((0, 128), np.uint8)
        places = np.array([point.pt for point in points], np.float32)
        return places, descriptors.astype(np.uint8)

    def _candidates(self, rows: NDArray[np.float32]) -> list[int]:
        _, near = self._index.search(rows, self._NEIGHBORS)
        voters, _ = np.nonzero(near >= 0)
        ballots = np.unique(
            np.column_stack([voters, self._owners[near[near >= 0]]]), axis=0
        )  # one vote a descriptor and image
        numbers, votes = np.unique(ballots[:, 1], return_counts=True)
        best = np.argsort(-votes, kind="stable")[: self._CANDIDATES]
        return numbers[best][votes[best] >= self._VOTES].tolist()

    def _inliers(
        self,
        points: NDArray[np.float32],
        rows: NDArray[np.float32],
        other_points: NDArray[np.float32],
        other_descriptors: NDArray[np.uint8],
    ) -> int:
        mine, theirs = matched(rows, rooted(other_descriptors), self._RATIO)
        if len(mine) < self._INLIERS:
            return 0
        found, mask = cv2.findHomography(
            points[mine], other_points[theirs], cv2.USAC_MAGSAC, self._OFF
        )
        return 0 if found is None else int(mask.sum())


def rooted(descriptors: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return RootSIFT, https://doi.org/10.1109/CVPR.2012.6248018."""
    rows = descriptors.astype(np.float32)
    return np.sqrt(rows / np.maximum(rows.sum(axis=1, keepdims=True), 1))


def matched(
    rows: NDArray[np.float32], others: NDArray[np.float32], ratio: float
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return pairs of mutual nearest neighbors that pass the ratio test both ways."""
    if min(len(rows), len(others)) < 2:
        return np.zeros(0, np.intp), np.zeros(0, np.intp)
    apart = np.sqrt(np.maximum(2 - 2 * rows @ others.T, 0))  # all of length one
    forth, back = apart.argmin(axis=1), apart.argmin(axis=0)
    here = np.arange(len(rows))
    nearest, second = np.partition(apart, 1, axis=1)[:, :2].T
    other_nearest, other_second = np.partition(apart, 1, axis=0)[:2]
    good = (back[forth] == here) & (nearest < ratio * second)
    good &= (other_nearest < ratio * other_second)[forth]
    return here[good], forth[good]


PEERS: dict[str, Callable[[], Peer]] = {
    "PDQ": lambda: Hashes(pdq, 31),
    "PDQ dihedral": lambda: Hashes(pdq_dihedral, 31),
    "pHash": lambda: Hashes(phash64, 10),
    "SIFT": Sift,
}
