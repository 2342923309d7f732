"""Asks every service about a query at once, and merges what they say."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeAlias, TypeVar

from ambience.catalog import Catalog, LoneImages
from ambience.core.errors import (
    BadParameterError,
    BusyError,
    NotFoundError,
    StoredDataError,
    UnavailableError,
)
from ambience.core.features import ImageId
from ambience.core.matches import Answer, FusedMatch
from ambience.fusion import FILE, MIN_SCORE, PIXELS, Calibration, Measures, fuse
from ambience.imaging import DEFAULT_LIMITS, ImageFile, Limits
from ambience.ingest import Originals
from ambience.ingest.image_files import ImageFiles
from ambience.search.image_parts import ImagePart
from ambience.search.overlays import LookedAt, Overlays
from ambience.search.questions import ById, ByImage, ByWords, Question
from ambience.search.same_pixels import PixelComparison, candidates
from ambience.service import AnyService, SearchRequest, fan_out, working_sides
from ambience.service.capabilities import SearchesImages, SearchesText

C = TypeVar("C")

# What concerns one service only; the last: it has missed an image that others may know.
_BEARABLE = (UnavailableError, StoredDataError, BusyError, NotFoundError)
_MIN_K = 20  # asked of each service, so that a short list is not short of evidence

ServiceAnswer: TypeAlias = fan_out.ServiceAnswer[Answer]
"""What one service found, and how long it took."""

Ask: TypeAlias = Callable[[SearchRequest], Answer]
"""Asks one service about the query."""

_Opened: TypeAlias = ImageFile | ImagePart | ById | ByWords
"""A query whose region, if it has one, is cut out."""


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
        services: All there are; those that search are asked.
        catalog: Knows which files are equal.
        originals: Knows where files are.
        calibration: What distances are worth; may be replaced at any time.
        limits: What the file of a known image may cost, where it is read.
        lone_images: Knows which images have no page, as the catalog does not know them:
            they are not answered. None: all are.
        elsewhere: Services whose images may be nobody's affair but theirs: what these
            know is answered in any case.
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
        """End the threads that ask services."""
        self._fan_out.close()

    def search(
        self,
        query: Question,
        *,
        k: int,
        services: Sequence[str] = (),
        copies_only: bool = False,
        min_score: float = MIN_SCORE,
    ) -> ReverseSearch:
        """Search with an image, a part of one, or words.

        Args:
            query: What to search with.
            k: How many matches at most.
            services: Whom to ask; empty: all.
            copies_only: Answer only claims that it is the same picture.
            min_score: Answer no claim that is less probable, 0 to 1.

        Raises:
            NotFoundError: If one of ``services`` does not exist, if nobody knows the
                image that is searched with, or if a region is given and its file is
                not there or has changed.
            CorruptDataError: If a region is given and our copy is damaged.
            BadInputError: If the image can't be decoded.
            BadParameterError: If the region is empty or not within the image, or
                nobody searches with such a query.
        """
        chosen = self._chosen(services)
        opened = self._opened(query, sides=working_sides(chosen.values()))
        asks = _asks(opened, chosen, copies_only=copies_only)
        said: dict[str, ServiceAnswer] = {}
        unavailable: dict[str, str] = {}
        depth = max(k, _MIN_K)
        matches: list[FusedMatch] = []
        # The slow one that proves copies only where the quick one proves nothing.
        rounds = self._proving() if copies_only else [list(asks)]
        for names in rounds:
            asked = {name: asks[name] for name in names if name in asks}
            self._ask_all(asked, depth, said, unavailable)
            answers = {name: found.answer for name, found in said.items()}
            fused = self._fused(opened, answers, depth, min_score)
            matches = [m for m in fused if m.relation.is_copy or not copies_only]
            if matches:
                break
        if isinstance(opened, ById) and not said:
            self._check_known(opened.image_id, unavailable)
        return ReverseSearch(matches[:k], said, unavailable)

    def _fused(
        self,
        query: _Opened,
        answers: Mapping[str, Answer],
        k: int,
        min_score: float,
    ) -> list[FusedMatch]:
        """Merge answers, and once more when the pixels of copies were looked at."""
        facts = self._facts(query, answers)
        merged = partial(
            fuse, answers, calibration=self.calibration, k=k, min_score=min_score
        )
        found = merged(facts=facts)
        looked_at = self._looked_at(query, found)
        if not looked_at:
            return found
        both = {
            image_id: {**facts.get(image_id, {}), **looked_at[image_id]}
            for image_id in looked_at
        }
        return merged(facts={**facts, **both})

    def _looked_at(
        self, query: _Opened, found: Sequence[FusedMatch]
    ) -> Mapping[ImageId, Measures]:
        """Return what is seen of images that are claimed to be copies."""
        if not any(match.relation.is_copy for match in found):
            return {}
        match query:
            case ImageFile():
                return self._overlays.of(LookedAt(query.image), found)
            case ImagePart(file, region):
                looked_at = LookedAt(file.image, (region.x, region.y))
                return self._overlays.of(looked_at, found)
            case ById(image_id):
                records = self._catalog.find([image_id])
                image = self._overlays.image(records[0] if records else None)
                return (
                    {} if image is None else self._overlays.of(LookedAt(image), found)
                )
            case ByWords():
                return {}

    def _proving(self) -> list[list[str]]:
        """Return which services can prove a copy, the quick ones first."""
        proving = [n for n, e in self.calibration.evidence.items() if e.proves_copies]
        quick = [n for n in proving if self.calibration.evidence[n].is_quick]
        return [quick, [name for name in proving if name not in quick]]

    def _opened(self, query: Question, *, sides: Collection[int]) -> _Opened:
        """Return a query with its region cut out, once it is known to be an image.

        Args:
            query: What to search with.
            sides: Sizes that the services look at, all made by one decode.
        """
        match query:
            case ByImage(data, region, limits):
                whole_sides = sides if region is None else ()
                file = ImageFile(data, limits=limits or self._limits, sides=whole_sides)
                # What is wrong with the image is wrong for every service: said once.
                size = file.info.size
                if region is None or region.is_all_of(size):
                    return file
                return ImagePart.cut(file, region, of=None, sides=sides)
            case ById(image_id, region):
                if region is None:
                    return query
                record = self._catalog.get(image_id)
                if region.is_all_of(record.size):
                    return ById(image_id)
                whole = ImageFile(self._files.read(record), limits=self._limits)
                return ImagePart.cut(whole, region, of=image_id, sides=sides)
            case ByWords():
                return query

    def _ask_all(
        self,
        asks: Mapping[str, Ask],
        k: int,
        said: dict[str, ServiceAnswer],
        unavailable: dict[str, str],
    ) -> None:
        """Ask services at once; put down what each said, or why it could not."""
        request = SearchRequest(k=k)
        heard = self._fan_out.ask(
            {name: partial(ask, request) for name, ask in asks.items()},
            bearable=_BEARABLE,
        )
        said.update(self._with_page(heard.said))
        unavailable.update({name: str(why) for name, why in heard.failed.items()})

    def _with_page(self, said: Mapping[str, ServiceAnswer]) -> dict[str, ServiceAnswer]:
        """Leave out of answers what the catalog does not know, as after a loss of it.

        What callers have put to one service alone is answered.
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
        self, query: _Opened, answers: Mapping[str, Answer]
    ) -> Mapping[ImageId, Measures]:
        """Return what comparing bytes and pixels proves.

        The bytes of a file say nothing of a part of it; its pixels do.
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


def _without(heard: ServiceAnswer, gone: Collection[ImageId]) -> ServiceAnswer:
    """Return what a service said, but for some images."""
    left = tuple(m for m in heard.answer.matches if m.image_id not in gone)
    return replace(heard, answer=replace(heard.answer, matches=left))


def _asks(
    query: _Opened, services: Mapping[str, AnyService], *, copies_only: bool
) -> Mapping[str, Ask]:
    """Return how each service is asked about a query.

    Raises:
        BadParameterError: If nobody searches with such a query, or it is words and
            copies are wanted.
    """
    searching = _able(services, SearchesImages)
    match query:
        case ImageFile():
            asks = {name: partial(one.search, query) for name, one in searching.items()}
        case ImagePart():
            asks = {name: partial(query.search, one) for name, one in searching.items()}
        case ById(image_id):
            asks = {
                name: partial(one.search_by_id, image_id)
                for name, one in searching.items()
            }
        case ByWords(text):
            if copies_only:
                raise BadParameterError(
                    "words have no duplicates: search with an image, or for all matches"
                )
            asks = {
                name: partial(one.search_text, text)
                for name, one in _able(services, SearchesText).items()
            }
            if not asks:
                raise BadParameterError(
                    "no service here searches by words: send an image to "
                    + ", ".join(searching)
                )
    if not asks:
        raise BadParameterError(
            f"no service searches by image of {', '.join(services)}: choose others"
        )
    return asks


def _able(services: Mapping[str, AnyService], kind: type[C]) -> dict[str, C]:
    """Return those services that can do something, as that."""
    return {
        name: able
        for name, service in services.items()
        if (able := service.ability(kind)) is not None
    }
