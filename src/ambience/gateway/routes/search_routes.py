"""The merged search over HTTP."""

from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request

from ambience.core.errors import BadParameterError
from ambience.core.features import MAX_IMAGE_ID, ImageId
from ambience.core.number_validators import DECIMAL, WHOLE
from ambience.core.region import Region
from ambience.fusion import MIN_SCORE
from ambience.gateway.routes.schemas import ReverseSearchAnswer, reverse_search_answer
from ambience.library.library import Library
from ambience.search.questions import ById, ByImage, ByWords, Question
from ambience.service import MAX_K
from ambience.web.addresses import API
from ambience.web.forms import FormRoute, only_fields
from ambience.web.openapi import problems
from ambience.web.schemas import ImageUpload, Words
from ambience.web.uploads import read

_K = 20
_MAX_URL = 4096  # characters; longer ones work nowhere
_MAX_REGION = 100

_OFF = (
    "url: this server fetches no images from the internet, because its settings say "
    "so or others can reach it: send the image itself, or set "
    "search_by_url.enabled = true"
)


class SearchForm:
    """The form of a reverse search, with exactly one query."""

    def __init__(  # noqa: PLR0913 -- the fields of the form
        self,
        *,
        image: ImageUpload | None = None,
        url: Annotated[
            str | None,
            Form(
                max_length=_MAX_URL,
                description="The address of an image on the public internet.",
            ),
        ] = None,
        text: Words = None,
        image_id: Annotated[
            int | None,
            Form(
                ge=0,
                le=MAX_IMAGE_ID,
                description="An image of the library; it is left out of the answer.",
            ),
            WHOLE,
        ] = None,
        region: Annotated[
            str | None,
            Form(
                max_length=_MAX_REGION,
                description="The part of the image to search with, in pixels as "
                "displayed: x,y,width,height.",
                examples=["40,0,320,200"],
            ),
        ] = None,
        k: Annotated[
            int, Form(ge=1, le=MAX_K, description="How many matches at most."), WHOLE
        ] = _K,
        services: Annotated[
            str, Form(description="Services to ask, separated by commas; empty: all.")
        ] = "",
        find_duplicate: Annotated[
            bool, Form(description="Only return claims that it is the same picture.")
        ] = False,
        min_score: Annotated[
            float,
            Form(ge=0, le=1, description="Only return claims at least this probable."),
            DECIMAL,
        ] = MIN_SCORE,
    ) -> None:
        self.image = image
        self.url = url
        self.text = text
        self.image_id = image_id
        self.region = None if region is None else Region.parse(region)
        self.k = k
        self.services = [name.strip() for name in services.split(",") if name.strip()]
        self.find_duplicate = find_duplicate
        self.min_score = min_score
        if sum(given is not None for given in (image, url, text, image_id)) != 1:
            raise BadParameterError("give exactly one of image, url, text and image_id")
        if text is not None and region is not None:
            raise BadParameterError("region: words have none, only images do")


def search_routes(library: Library) -> APIRouter:
    """Return ``/api/reverse_search``.

    Args:
        library: The library to search.
    """
    router = APIRouter(tags=["search"], route_class=FormRoute)
    fetcher = library.components.fetcher

    async def asked(
        request: Request, form: Annotated[SearchForm, Depends()]
    ) -> AsyncIterator[tuple[SearchForm, Question]]:
        """Yield a form and its query; receiving or fetching an image happens here."""
        if form.text is not None:
            yield form, ByWords(form.text)
        elif form.image_id is not None:
            yield form, ById(ImageId(form.image_id), form.region)
        elif form.image is not None:
            async with read(request, form.image) as data:
                yield form, ByImage(data, form.region)
        elif fetcher is not None:
            yield form, ByImage(await fetcher.fetch(form.url or ""), form.region)
        else:
            raise BadParameterError(_OFF)

    @router.post(
        f"{API}/reverse_search",
        responses=problems(
            HTTPStatus.NOT_FOUND,
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            HTTPStatus.BAD_GATEWAY,
        ),
        dependencies=[
            only_fields(
                "image", "url", "text", "image_id", "region",
                "k", "services", "find_duplicate", "min_score",
            )
        ],
    )  # fmt: skip
    def reverse_search(
        told: Annotated[tuple[SearchForm, Question], Depends(asked, scope="function")],
    ) -> ReverseSearchAnswer:
        """Find an image's original, its copies and similar images, with the reasons.

        Search with an image, an address, an id, or words.
        """
        form, query = told
        found = library.reverse_search(
            query,
            k=form.k,
            services=form.services,
            copies_only=form.find_duplicate,
            min_score=form.min_score,
        )
        return reverse_search_answer(found)

    return router
