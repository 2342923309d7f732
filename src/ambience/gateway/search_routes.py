"""The merged search over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Form

from ambience.gateway.parts import Parts
from ambience.gateway.schemas import ReverseSearchAnswer, reverse_search_answer
from ambience.imaging import ImageFile
from ambience.web.forms import only_fields
from ambience.web.problems import PROBLEMS
from ambience.web.schemas import MAX_K, ImageUpload

_K = 20


def search_routes(parts: Parts) -> APIRouter:
    """Return ``/reverse_search``."""
    router = APIRouter(tags=["search"], responses=PROBLEMS)

    @router.post(
        "/reverse_search",
        dependencies=[only_fields("image", "k", "services", "find_duplicate")],
    )
    def reverse_search(
        image: ImageUpload,
        k: Annotated[
            int, Form(ge=1, le=MAX_K, description="How many matches at most.")
        ] = _K,
        services: Annotated[
            str, Form(description="Whom to ask, by name, with commas; all if empty.")
        ] = "",
        *,
        find_duplicate: Annotated[
            bool, Form(description="Only claims that it is the same picture.")
        ] = False,
    ) -> ReverseSearchAnswer:
        """Find an image's original, its copies and its likes, with the reasons."""
        found = parts.searcher.search(
            ImageFile(image.file.read(), limits=parts.limits),
            k=k,
            services=[name.strip() for name in services.split(",") if name.strip()],
            copies_only=find_duplicate,
        )
        return reverse_search_answer(found)

    return router
