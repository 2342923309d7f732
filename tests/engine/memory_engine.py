"""An engine in memory: slow, exact and obvious. The others must answer as it does."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from ambience.core.connected_components import joined
from ambience.core.distances import row_distances
from ambience.core.errors import SpecMismatchError
from ambience.core.features import Feature, FeatureSpec, ImageId, Metric, Rows
from ambience.core.keypoints import ROW, coarse_poses, without_frames
from ambience.engine import (
    CollectionStatus,
    DescriptorNeighbors,
    Neighbor,
    Reading,
    TurnRows,
)
from ambience.engine.neighbors import stacked


@dataclass
class Kept:
    """What stays of a collection when it is closed."""

    spec: FeatureSpec
    features: dict[ImageId, Feature] = field(default_factory=dict)
    ever: set[ImageId] = field(default_factory=set)
    seq: int = 0


class MemoryFeatures:
    def __init__(self, kept: Kept) -> None:
        self._kept = kept

    @property
    def spec(self) -> FeatureSpec:
        return self._kept.spec

    def __len__(self) -> int:
        return len(self._kept.features)

    def put(self, features: Mapping[ImageId, Feature]) -> None:
        self._kept.features |= features
        self._kept.ever |= features.keys()
        self._kept.seq += len(features)

    def remove(self, ids: Sequence[ImageId]) -> list[ImageId]:
        known = [i for i in dict.fromkeys(ids) if i in self._kept.features]
        for image_id in known:
            del self._kept.features[image_id]
        self._kept.seq += len(known)
        return known

    def get(self, ids: Sequence[ImageId]) -> dict[ImageId, Feature]:
        features = self._kept.features
        return {i: features[i] for i in ids if i in features}

    def ids(
        self, *, after: ImageId | None = None, limit: int | None = None
    ) -> list[ImageId]:
        first = 0 if after is None else after + 1
        return list(
            islice((i for i in sorted(self._kept.features) if i >= first), limit)
        )

    def highest_id(self, *, below: int) -> ImageId | None:
        return max((i for i in self._kept.ever if i < below), default=None)

    def readings(self, *, after: ImageId | None = None) -> Iterator[Reading]:
        if ids := self.ids(after=after):
            yield Reading(ids[-1], ids, [], 0)

    def damaged(self, ids: Sequence[ImageId]) -> list[ImageId]:
        del ids
        return []  # nothing changes by itself here

    def remove_damaged(self, ids: Sequence[ImageId]) -> list[ImageId]:
        return self.damaged(ids)

    def add_checksums(self, ids: Sequence[ImageId]) -> None:
        """Nothing is checked here."""

    def status(self) -> CollectionStatus:
        return CollectionStatus(
            count=len(self),
            rows=sum(len(rows) for _, rows in self._searched()),
            index="none",
            lag=0,
            store_id="memory",
            seq=self._kept.seq,
        )

    def rebuild(self) -> None:
        """There is no index."""

    def snapshot(self) -> None:
        """There is no index."""

    def close(self) -> None:
        """Nothing is held."""

    def _searched(self) -> Iterator[tuple[ImageId, Rows]]:
        """Yield what can be found, in order of ids."""
        for image_id, feature in sorted(self._kept.features.items()):
            yield image_id, feature.rows


class MemoryVectors(MemoryFeatures):
    def __init__(self, kept: Kept, *, min_quality: float) -> None:
        super().__init__(kept)
        self._min_quality = min_quality

    def nearest(self, rows: Rows, *, k: int) -> list[Neighbor]:
        return self._all(rows)[:k]

    def within(self, rows: Rows, *, radius: float) -> list[Neighbor]:
        return [found for found in self._all(rows) if found.distance <= radius]

    def nearby_rows(
        self, rows: Rows, *, k: int | None = None, radius: float | None = None
    ) -> tuple[NDArray[np.int64], Rows]:
        found = self._all(rows)[:k]
        near = [f.image_id for f in found if radius is None or f.distance <= radius]
        return stacked(self.spec, self.get(near))

    def groups(
        self, *, radius: float, turn: TurnRows | None = None
    ) -> list[list[ImageId]]:
        pairs = []
        for image_id, own in self._searched():
            for rows in (own, *(turn(own) if turn else ())):
                near = self.within(rows, radius=radius)
                pairs += [[image_id, found.image_id] for found in near]
        return joined(pairs)

    def _all(self, rows: Rows) -> list[Neighbor]:
        found = []
        for image_id, own in self._searched():
            apart = np.stack(
                [row_distances(self.spec.metric, row, own) for row in rows]
            )
            nearest = apart.min(axis=1)
            query_row = int(nearest.argmin())
            distance = float(nearest[query_row]) / self.spec.scale
            found.append(Neighbor(image_id, distance, query_row))
        return sorted(found, key=lambda one: (one.distance, one.image_id))

    def _searched(self) -> Iterator[tuple[ImageId, Rows]]:
        for image_id, rows in super()._searched():
            if self._kept.features[image_id].quality >= self._min_quality:
                yield image_id, rows


class MemoryDescriptors(MemoryFeatures):
    def nearest(
        self, rows: Rows, *, k: int, nprobe: int | None = None
    ) -> DescriptorNeighbors:
        del nprobe  # everything is looked at
        found = DescriptorNeighbors(
            distances=np.full((len(rows), k), np.inf),
            image_ids=np.full((len(rows), k), -1),
            angles=np.zeros((len(rows), k), np.uint8),
            scales=np.zeros((len(rows), k), np.int64),
        )
        image_ids = [image_id for image_id, own in self._searched() for _ in own]
        if not image_ids:
            return found
        stored = np.concatenate([own for _, own in self._searched()])
        angles, scales = coarse_poses(stored)
        descriptors = stored.view(ROW)[:, 0]["descriptor"]
        for number, row in enumerate(np.ascontiguousarray(rows).view(ROW)[:, 0]):
            apart = row_distances(Metric.L2, row["descriptor"], descriptors)
            first = np.argsort(apart, kind="stable")[:k]
            found.distances[number, : len(first)] = apart[first]
            found.image_ids[number, : len(first)] = np.array(image_ids)[first]
            found.angles[number, : len(first)] = angles[first]
            found.scales[number, : len(first)] = scales[first]
        return found

    def train(self) -> bool:
        return any(True for _ in self._searched())

    def _searched(self) -> Iterator[tuple[ImageId, Rows]]:
        for image_id, rows in super()._searched():
            keypoints = rows[without_frames(rows)]
            if len(keypoints):
                yield image_id, keypoints


class MemoryEngine:
    """Keeps collections for as long as it lives; closing one loses nothing."""

    def __init__(self) -> None:
        self._kept: dict[str, Kept] = {}

    def vectors(
        self, name: str, spec: FeatureSpec, *, min_quality: float = 0.0
    ) -> MemoryVectors:
        return MemoryVectors(self._opened(name, spec), min_quality=min_quality)

    def descriptors(
        self, name: str, spec: FeatureSpec, *, threads: int = 1
    ) -> MemoryDescriptors:
        del threads  # one is fast enough for tests
        return MemoryDescriptors(self._opened(name, spec))

    def _opened(self, name: str, spec: FeatureSpec) -> Kept:
        kept = self._kept.setdefault(name, Kept(spec))
        if kept.spec != spec:
            raise SpecMismatchError(f"{name} holds features of {kept.spec}")
        return kept
