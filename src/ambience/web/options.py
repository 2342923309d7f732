"""Reads the arguments of a search from the query string or a form."""

from collections.abc import Callable
from inspect import Parameter, Signature
from typing import Annotated, Any

from fastapi import Form, Query

from ambience.core.search_options import SearchOptions, check_options
from ambience.service import SearchRequest
from ambience.web.schemas import KForm, KQuery, RadiusForm, RadiusQuery

_IN_FORM = "form_"


def asked(
    options: type[SearchOptions], *, form: bool = False
) -> Callable[..., SearchRequest]:
    """Return a dependency that reads the arguments of a search from a request.

    FastAPI learns a function's parameters from its signature, which is built here from
    the fields of the options. The dependency raises `BadParameterError` unless exactly
    one of ``k`` and ``radius`` is given.

    Args:
        options: The class of the service's own options.
        form: Whether to accept form fields too, which take precedence.
    """

    def request(
        k: int | None = None, radius: float | None = None, **given: Any
    ) -> SearchRequest:
        form_k, form_radius = given.pop("form_k", None), given.pop("form_radius", None)
        found = {
            name.removeprefix(_IN_FORM): value
            for name, value in given.items()
            if value is not None
        }
        return SearchRequest(
            k=form_k if k is None else k,
            radius=form_radius if radius is None else radius,
            options=check_options(options, found).model_dump(exclude_unset=True),
        )

    places: list[tuple[str, Any]] = [("k", KQuery), ("radius", RadiusQuery)]
    if form:
        places += [("form_k", KForm), ("form_radius", RadiusForm)]
    for name, field in options.model_fields.items():
        kind = field.rebuild_annotation() | None
        where = Query(description=field.description)
        places.append((name, Annotated[kind, where]))
        if form:
            again = Form(alias=name, description="The same, as a form field.")
            places.append((_IN_FORM + name, Annotated[kind, again]))
    request.__signature__ = Signature(  # type: ignore[attr-defined]
        [
            Parameter(name, Parameter.KEYWORD_ONLY, default=None, annotation=annotation)
            for name, annotation in places
        ]
    )
    return request
