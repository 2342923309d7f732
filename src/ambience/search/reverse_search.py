"""Asks all services about a query at once, and merges their answers."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeAlias

from ambience.catalog import Catalog, LoneImages
from ambience.core.errors import (
    BusyError,
    NotFoundError,
    StoredDataError,
    UnavailableError,
)
from ambience.core.features import CLOSER_LOOK, WORKING_SIDE, ImageId
from ambience.core.matches import Answer, FusedMatch
from ambience.fusion import FILE, MIN_SCORE, PIXELS, Calibration, Measures, fuse
from ambience.imaging import DEFAULT_LIMITS, ImageFile, Limits
from ambience.ingest import Originals
from ambience.ingest.image_files import ImageFiles
from ambience.search.asks import (
    Ask,
    ReadQuery,
    closer_asks,
    first_asks,
    has_more,
)
from ambience.search.image_parts import ImagePart
from ambience.search.overlays import OverlayQuery, Overlays
from ambience.search.questions import ById, ByImage, ByWords, Question
from ambience.search.same_pixels import PixelComparison, candidates
from ambience.service import AnyService, SearchRequest, fan_out, working_sides

# Errors of one service, which leave the other answers valid. NotFoundError means that
# it lacks an image that others may have.
_BEARABLE = (UnavailableError, StoredDataError, BusyError, NotFoundError)
_DOUBTFUL = 0.01  # a less probable copy is not even looked at
_MIN_K = 20  # asked of each service, so that even a short list has enough evidence

ServiceAnswer: TypeAlias = fan_out.ServiceAnswer[Answer]
"""What one service answered, and how long that took."""


@dataclass(frozen=True, slots=True)
class ReverseSearch:
    """The answer to one reverse search.

    Attributes:
        matches: Best first.
        services: The answers by service name.
        unavailable: Why services gave no answer, by service name.
    """

    matches: Sequence[FusedMatch]
    services: Mapping[str, ServiceAnswer] = field(default_factory=dict)
    unavailable: Mapping[str, str] = field(default_factory=dict)


class ReverseSearcher:
    """Finds the originals, copies and similar images of a query, with the reasons.

    Args:
        services: All services; those that search are asked.
        catalog: The images of the library.
        originals: Finds their files.
        calibration: What distances are worth; may be replaced at any time.
        limits: The limits for reading and decoding an image.
        lone_images: Tells which images the catalog has lost, so that they have no page;
            these are left out of answers. ``None`` leaves out none.
        elsewhere: Services that may store images of their own, which the catalog
            doesn't know; nothing is left out of their answers.
    """

    def __init__(  # noqa: PLR0913 -- its parts, each passed in by name
        self,
        services: Sequence[AnyService],
        catalog: Catalog,
        originals: Originals,
        *,
        calibration: Calibration,
        limits: Limits = DEFAULT_LIMITS,
        lone_images: LoneImages | None = None,
        elsewhere: Collection[str] = (),
    ) -> None:
        self.calibration = calibration
        self._services = {service.name: service for service in services}
        self._catalog = catalog
        self._files = ImageFiles(originals, limits=limits)
        self._limits = limits
        self._lone_images = lone_images
        self._elsewhere = elsewhere
        self._pixels = PixelComparison(catalog, self._files, limits=limits)
        self._overlays = Overlays(catalog, self._files, limits=limits)
        self._fan_out = fan_out.FanOut[Answer](
            {service.name: service.timeout_s for service in services}
        )

    def close(self) -> None:
        """Stop the threads that ask services."""
        self._fan_out.close()

    def search(
        self,
        question: Question,
        *,
        k: int,
        services: Sequence[str] = (),
        copies_only: bool = False,
        min_score: float = MIN_SCORE,
    ) -> ReverseSearch:
        """Search with an image, a part of one, or words.

        If no copy of a large image is found, services that can look closer do.

        Args:
            question: What to search with.
            k: The largest number of matches.
            services: The services to ask; empty for all.
            copies_only: Return only copies of the same picture.
            min_score: Leave out claims less probable than this, 0 to 1.

        Raises:
            NotFoundError: If one of ``services`` or the image doesn't exist, or if a
                region is given and the image's file is missing or has changed.
            CorruptDataError: If a region is given and our copy of the file is damaged.
            BadInputError: If the image can't be decoded.
            BadParameterError: If the region is empty or not within the image, or no
                service searches with such a question.
        """
        chosen = self._chosen(services)
        query = self._query(question, sides=working_sides(chosen.values()))
        asks = first_asks(query, chosen, copies_only=copies_only)
        said: dict[str, ServiceAnswer] = {}
        unavailable: dict[str, str] = {}
        depth = max(k, _MIN_K)
        matches: list[FusedMatch] = []
        # For copies only, slow services are asked only if the quick ones prove none.
        rounds = self._proving() if copies_only else [list(asks)]
        asked = [
            {name: asks[name] for name in names if name in asks} for names in rounds
        ]
        for some in (*asked, closer_asks(query, chosen)):
            if not some:
                continue
            self._ask_all(some, depth, said, unavailable)
            answers = {name: found.answer for name, found in said.items()}
            fused = self._fused(query, answers, depth, min_score)
            matches = [m for m in fused if m.relation.is_copy or not copies_only]
            if any(m.relation.is_copy and m.score >= MIN_SCORE for m in fused):
                break
        if isinstance(query, ById) and not said:
            self._check_known(query.image_id, unavailable)
        return ReverseSearch(matches[:k], said, unavailable)

    def _fused(
        self,
        query: ReadQuery,
        answers: Mapping[str, Answer],
        k: int,
        min_score: float,
    ) -> list[FusedMatch]:
        """Merge answers, once the pixels of images that may be copies were compared."""
        facts = self._facts(query, answers)
        # Of these alone, so that no likeness hides a copy that is less likely.
        proving = {name: answers[name] for name in answers if self._proves(name)}
        doubtful = fuse(
            proving,
            facts=facts,
            calibration=self.calibration,
            k=k,
            min_score=min(min_score, _DOUBTFUL),
        )
        overlaid = self._overlaid(query, doubtful)
        both = {
            image_id: {**facts.get(image_id, {}), **measures}
            for image_id, measures in overlaid.items()
        }
        return fuse(
            answers,
            facts={**facts, **both},
            calibration=self.calibration,
            k=k,
            min_score=min_score,
        )

    def _overlaid(
        self, query: ReadQuery, found: Sequence[FusedMatch]
    ) -> Mapping[ImageId, Measures]:
        """Return the overlays of the images that are claimed to be copies."""
        if not any(match.relation.is_copy for match in found):
            return {}
        match query:
            case ImageFile():
                laid = _to_lay(query, (0, 0))
            case ImagePart(file, region):
                laid = _to_lay(file, (region.x, region.y))
            case ById(image_id):
                records = self._catalog.find([image_id])
                image = self._overlays.image(records[0] if records else None)
                if image is None:
                    return {}
                laid = OverlayQuery(image)
            case ByWords():
                return {}
        return self._overlays.of(laid, found)

    def _proves(self, name: str) -> bool:
        own = self.calibration.evidence.get(name)
        return own is not None and own.proves_copies

    def _proving(self) -> list[list[str]]:
        """Return the services that can prove a copy: the quick ones, then the rest."""
        proving = [name for name in self.calibration.evidence if self._proves(name)]
        quick = [n for n in proving if self.calibration.evidence[n].is_quick]
        return [quick, [name for name in proving if name not in quick]]

    def _query(self, question: Question, *, sides: Collection[int]) -> ReadQuery:
        """Read the image of a question, and cut its region out.

        Args:
            question: What to search with.
            sides: The sizes that services look at, all made by one decode.
        """
        match question:
            case ByImage(data, region, limits):
                whole_sides = sides if region is None else ()
                file = ImageFile(data, limits=limits or self._limits, sides=whole_sides)
                # Raises if the image can't be read, before any service is asked.
                size = file.info.size
                if region is None or region.is_all_of(size):
                    return file
                return ImagePart.cut(file, region, of=None, sides=sides)
            case ById(image_id, region):
                if region is None:
                    return question
                record = self._catalog.get(image_id)
                if region.is_all_of(record.size):
                    return ById(image_id)
                whole = ImageFile(self._files.read(record), limits=self._limits)
                return ImagePart.cut(whole, region, of=image_id, sides=sides)
            case ByWords():
                return question

    def _ask_all(
        self,
        asks: Mapping[str, Ask],
        k: int,
        said: dict[str, ServiceAnswer],
        unavailable: dict[str, str],
    ) -> None:
        """Ask services at once; record what each answers, or why it can't.

        A second answer of a service takes the place of its first.
        """
        request = SearchRequest(k=k)
        heard = self._fan_out.ask(
            {name: partial(ask, request) for name, ask in asks.items()},
            bearable=_BEARABLE,
        )
        for name, found in self._with_page(heard.said).items():
            before_ms = said[name].took_ms if name in said else 0.0
            said[name] = replace(found, took_ms=before_ms + found.took_ms)
        for name, why in heard.failed.items():
            again = "it could not look closer: " if name in said else ""
            unavailable[name] = f"{again}{why}"

    def _with_page(self, said: Mapping[str, ServiceAnswer]) -> dict[str, ServiceAnswer]:
        """Leave images out of answers that the catalog has lost.

        Images that callers added to one service alone stay.
        """
        ids = {
            match.image_id
            for name, heard in said.items()
            if name not in self._elsewhere
            for match in heard.answer.matches
        }
        if self._lone_images is None or not (
            gone := self._lone_images.without_page(sorted(ids))
        ):
            return dict(said)
        return {
            name: heard if name in self._elsewhere else _without(heard, gone)
            for name, heard in said.items()
        }

    def _check_known(self, image_id: ImageId, unavailable: Mapping[str, str]) -> None:
        if not self._catalog.find([image_id]):
            reasons = [f"{name}: {reason}" for name, reason in unavailable.items()]
            raise NotFoundError(
                "; ".join([f"nobody here knows image {image_id}", *reasons])
            )

    def _chosen(self, services: Sequence[str]) -> Mapping[str, AnyService]:
        for name in services:
            if name not in self._services:
                raise NotFoundError(
                    f"there is no service {name!r}: the services are "
                    + ", ".join(self._services)
                )
        names = services or tuple(self._services)
        return {name: self._services[name] for name in names}

    def _facts(
        self, query: ReadQuery, answers: Mapping[str, Answer]
    ) -> Mapping[ImageId, Measures]:
        """Return what comparing bytes and pixels proves.

        For a part of an image, only the pixels are compared.
        """
        near = candidates(answers, self.calibration.evidence)
        match query:
            case ImageFile():
                facts = self._with_content(query.sha256)
                equal = self._pixels.equal(query, near)
                size = query.info.size
            case ImagePart(file):
                facts = {}
                equal = self._pixels.equal(file, near)
                size = file.info.size
            case ById(image_id):
                records = self._catalog.find([image_id])
                if not records:
                    return {}
                facts = self._with_content(records[0].sha256)
                facts.pop(image_id, None)
                equal = self._pixels.equal_to_known(records[0], near)
                size = records[0].size
            case ByWords():
                return {}
        for found in equal:
            facts.setdefault(found, {PIXELS: {"equal": size[0] * size[1]}})
        return facts

    def _with_content(self, sha256: bytes) -> dict[ImageId, Measures]:
        return {
            record.image_id: {FILE: {"sha256": sha256.hex()}}
            for record in self._catalog.with_sha256(sha256)
        }


def _to_lay(file: ImageFile, corner: tuple[int, int]) -> OverlayQuery:
    closer = partial(file.at, CLOSER_LOOK * WORKING_SIDE) if has_more(file) else None
    return OverlayQuery(file.image, corner, closer)


def _without(heard: ServiceAnswer, gone: Collection[ImageId]) -> ServiceAnswer:
    """Return a service's answer without some images."""
    left = tuple(m for m in heard.answer.matches if m.image_id not in gone)
    return replace(heard, answer=replace(heard.answer, matches=left))
