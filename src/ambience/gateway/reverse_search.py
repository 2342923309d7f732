"""Asks every service at once what it knows of an image, and merges the answers."""

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from ambience.catalog import Catalog
from ambience.core.errors import NotFoundError, StoredDataError, UnavailableError
from ambience.core.features import ImageId
from ambience.core.matches import Answer, FusedMatch
from ambience.fusion import COPIES, Calibration, fuse
from ambience.gateway.same_pixels import PixelComparison
from ambience.imaging import ImageFile
from ambience.ingest import Originals
from ambience.web.backend import Backend

_MIN_K = 20  # asked of each service, so that a short list is not short of evidence
_PROVING = ("phash", "local_features")  # what can prove a copy, the quick one first


@dataclass(frozen=True, slots=True)
class ServiceAnswer:
    """What one service said, and how long it took.

    Attributes:
        answer: Its matches.
        took_ms: Milliseconds.
    """

    answer: Answer
    took_ms: float


@dataclass(frozen=True, slots=True)
class ReverseSearch:
    """The answer to one reverse search.

    Attributes:
        matches: Best first.
        services: What each said, by name.
        unavailable: Why a service said nothing, by name.
    """

    matches: Sequence[FusedMatch]
    services: Mapping[str, ServiceAnswer] = field(default_factory=dict)
    unavailable: Mapping[str, str] = field(default_factory=dict)


class ReverseSearcher:
    """Finds an image's originals, copies and likes, with the reasons.

    Args:
        backends: The services.
        catalog: Knows which files are equal.
        originals: Knows where files are.
        calibration: What distances are worth; may be replaced at any time.
    """

    def __init__(
        self,
        backends: Sequence[Backend],
        catalog: Catalog,
        originals: Originals,
        calibration: Calibration,
    ) -> None:
        self.calibration = calibration
        self._backends = {backend.name: backend for backend in backends}
        self._catalog = catalog
        self._pixels = PixelComparison(catalog, originals)
        self._pool = ThreadPoolExecutor(
            4 * max(1, len(backends)), thread_name_prefix="reverse-search"
        )

    def close(self) -> None:
        """End the threads that ask services."""
        self._pool.shutdown()

    def search(
        self,
        image: ImageFile,
        *,
        k: int,
        services: Sequence[str] = (),
        copies_only: bool = False,
    ) -> ReverseSearch:
        """Search with an image.

        Args:
            image: The query.
            k: How many matches at most.
            services: Whom to ask; empty: all.
            copies_only: Answer only claims that it is the same picture.

        Raises:
            NotFoundError: If one of ``services`` does not exist.
            BadInputError: If the image can't be decoded.
        """
        asked = self._chosen(services)
        # Whatever is wrong with the image is wrong for every service: say so once.
        _ = image.info
        said: dict[str, ServiceAnswer] = {}
        unavailable: dict[str, str] = {}
        depth = max(k, _MIN_K)
        if not copies_only:
            self._ask_all(asked, image, depth, said, unavailable)
            matches = self._fused(image, said, depth)[:k]
            return ReverseSearch(matches, said, unavailable)
        matches = []
        for name in _PROVING:  # the slow one only where the quick one proves nothing
            one = {name: asked[name]} if name in asked else {}
            self._ask_all(one, image, depth, said, unavailable)
            fused = self._fused(image, said, depth)
            matches = [match for match in fused if match.relation in COPIES]
            if matches:
                break
        return ReverseSearch(matches[:k], said, unavailable)

    def _ask_all(
        self,
        asked: Mapping[str, Backend],
        image: ImageFile,
        k: int,
        said: dict[str, ServiceAnswer],
        unavailable: dict[str, str],
    ) -> None:
        """Ask services at once; put down what each said, or why it could not."""
        futures = {
            name: self._pool.submit(self._ask, backend, image, k)
            for name, backend in asked.items()
        }
        for name, future in futures.items():
            try:
                said[name] = future.result()
            except (UnavailableError, StoredDataError) as error:
                unavailable[name] = str(error)

    def _fused(
        self, image: ImageFile, said: Mapping[str, ServiceAnswer], k: int
    ) -> list[FusedMatch]:
        answers = {name: found.answer for name, found in said.items()}
        facts = self._facts(image, answers)
        return fuse(answers, facts=facts, calibration=self.calibration, k=k)

    def _chosen(self, services: Sequence[str]) -> Mapping[str, Backend]:
        for name in services:
            if name not in self._backends:
                raise NotFoundError(
                    f"there is no service {name!r}: there are "
                    + ", ".join(self._backends)
                )
        names = services or tuple(self._backends)
        return {name: self._backends[name] for name in names}

    def _ask(self, backend: Backend, image: ImageFile, k: int) -> ServiceAnswer:
        start = time.perf_counter()
        answer = backend.search(image, k=k)
        return ServiceAnswer(answer, 1000 * (time.perf_counter() - start))

    def _facts(
        self, image: ImageFile, answers: Mapping[str, Answer]
    ) -> Mapping[ImageId, Mapping[str, Mapping[str, Any]]]:
        """Return what comparing bytes and pixels proves."""
        facts: dict[ImageId, Mapping[str, Mapping[str, Any]]] = {
            record.image_id: {"file": {"sha256": image.sha256.hex()}}
            for record in self._catalog.with_sha256(image.sha256)
        }
        if "phash" in answers:
            for image_id in self._pixels.equal(image, answers["phash"]):
                height, width = image.info.size
                facts.setdefault(image_id, {"pixels": {"equal": height * width}})
        return facts
