"""Adds, removes and finds images by what is in them, and shows where they fit."""

import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ambience.core.errors import NotFoundError
from ambience.core.features import Extractor, ImageId, Query, Rows
from ambience.core.keypoints import Keypoints, unpack, without_frames
from ambience.core.matches import Answer, Match
from ambience.core.orientation import Orientation
from ambience.engine.embedded.descriptors.descriptor_index import DescriptorIndex
from ambience.engine.embedded.descriptors.quantizer import Quantizer
from ambience.engine.embedded.descriptors.votes import UNLIKE_SHARE, Candidate
from ambience.engine.embedded.index_follower import Following
from ambience.engine.embedded.snapshots import Snapshots
from ambience.engine.embedded.store import FeatureStore
from ambience.service.declaration import Parts
from ambience.service.keypoints.examination import Examination
from ambience.service.keypoints.options import MultiVectorOptions, MultiVectorSettings
from ambience.service.keypoints.placement import Verifier
from ambience.service.keypoints.training import Trainer, first_index
from ambience.service.search_request import SearchRequest
from ambience.service.service import Service

_VOTING = 800  # keypoints of a query that look for images; all of them prove matches

_NOTHING = "there is too little in the image to compare: it is blank, or nearly so"


class MultiVectorService(Service[DescriptorIndex]):
    """Many vectors an image: votes say which images to look at, geometry which match.

    A distance is 1 minus the confidence of a match. The index compares everything with
    everything while a library is small; a larger one is trained, by itself and in the
    background, whenever it has become four times as large as at the last time.

    Args:
        name: Of the service.
        extractor: Makes the keypoints, as rows of `ambience.core.keypoints`.
        store: Keeps them.
        snapshots: Where snapshots of the index are.
        verifier: Tells where two images show the same.
        settings: How long and how far a search may go.
    """

    options = MultiVectorOptions

    def __init__(  # noqa: PLR0913 -- its parts, each passed in by name
        self,
        *,
        name: str,
        extractor: Extractor,
        store: FeatureStore,
        snapshots: Snapshots,
        verifier: Verifier[Any],
        settings: MultiVectorSettings,
    ) -> None:
        threads = settings.threads or os.cpu_count() or 1

        def make_index(quantizer: Quantizer | None = None) -> DescriptorIndex:
            unlike = UNLIKE_SHARE * store.spec.scale
            return DescriptorIndex(quantizer, unlike=unlike, threads=threads)

        following = Following(
            name,
            store,
            make_index(),
            snapshots=snapshots,
            wanted=lambda changes: without_frames(changes.rows),
            fresh=lambda: first_index(store, make_index),
        )
        super().__init__(name, extractor, following)
        self._verifier = verifier
        self._settings = settings
        self._threads = threads
        self._make_index = make_index
        self._trainer = Trainer(name, following, make_index)
        self._trainer.train_if_due()

    def close(self) -> None:
        """Give up training, write a snapshot if anything changed, release the files."""
        self._trainer.close()
        super().close()

    def rebuild(self) -> None:
        """Fill the index anew from the store, trained as it was."""
        self._following.rebuild(self._make_index(self._following.index.quantizer))

    def train(self) -> bool:
        """Train the index with what there is now; return whether there was anything."""
        self._following.catch_up()
        return self._trainer.train()

    def _kind(self) -> str:
        kind = self._following.index.kind
        return f"{kind}, training" if self._trainer.active else kind

    def _catch_up(self) -> None:
        super()._catch_up()
        self._trainer.train_if_due()

    def _answer(
        self,
        query: Query,
        request: SearchRequest,
        options: MultiVectorOptions,
        without: ImageId | None = None,
    ) -> Answer:
        rows = np.ascontiguousarray(query.rows)
        names = np.array(query.orientations)
        versions = {
            Orientation(name): rows[names == name]
            for name in dict.fromkeys(query.orientations)
        }
        keypoints = {name: unpack(own) for name, own in versions.items()}
        if not any(map(len, keypoints.values())):
            return Answer(note=_NOTHING)
        self._catch_up()
        voting = [_thinned(own[without_frames(own)]) for own in versions.values()]
        found = self._following.index.votes(
            np.concatenate(voting),
            np.repeat(np.arange(len(voting)), [len(own) for own in voting]),
            count=options.max_candidates or self._settings.max_candidates,
            nprobe=options.nprobe,
            threads=self._threads,
        )
        candidates = [candidate for candidate in found if candidate.image_id != without]
        if not options.verify:
            return request.answer(_by_votes(candidates, list(keypoints)))
        closely = Examination(self._verifier, keypoints, self._keypoints_of)
        note = closely.look_at(
            candidates,
            time_s=self._settings.time_budget_s,
            enough=request.k,
            threads=self._threads,
        )
        return request.answer(closely.matches(points=options.points), note)

    def _keypoints_of(self, image_id: ImageId) -> Keypoints | None:
        """Return what is stored of an image, ``None`` if it has just gone."""
        try:
            return unpack(self.store.get(image_id).rows)
        except NotFoundError:
            return None


def many_vectors(verifier: Verifier[Any]) -> Callable[[Parts[Any]], MultiVectorService]:
    """Return how a service with many vectors an image is assembled."""

    def assemble(parts: Parts[Any]) -> MultiVectorService:
        return MultiVectorService(
            name=parts.name,
            extractor=parts.extractor,
            store=parts.store,
            snapshots=parts.snapshots,
            verifier=verifier,
            settings=parts.settings,
        )

    return assemble


def _thinned(rows: Rows) -> Rows:
    """Return at most `_VOTING` of a query's rows, evenly from all."""
    count = min(_VOTING, len(rows))
    return rows[np.linspace(0, len(rows) - 1, count).astype(np.intp)]


def _by_votes(
    candidates: Sequence[Candidate], versions: Sequence[Orientation]
) -> list[Match]:
    """Return candidates as matches, each image once: more votes are nearer."""
    best: dict[ImageId, Match] = {}
    for candidate in candidates:  # most votes first
        details = {
            "votes": round(candidate.votes, 3),
            "mirrored": versions[candidate.version].mirrors,
        }
        distance = 1 / (1 + candidate.votes)
        match = Match(candidate.image_id, distance, details)
        best.setdefault(candidate.image_id, match)
    return list(best.values())
