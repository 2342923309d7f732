"""A service's own search options, behind the question mark or in a form."""

from collections.abc import Callable, Mapping
from inspect import Parameter, Signature
from typing import Annotated, Any, TypeAlias

from fastapi import Form, Query

from ambience.core.options import SearchOptions, check_options

Told: TypeAlias = Mapping[str, Any]
"""The options that a request gives, by name, checked."""

_IN_FORM = "form_"


def asked(
    options: type[SearchOptions], *, form: bool = False
) -> Callable[..., dict[str, Any]]:
    """Return a dependency that reads a service's options from a request.

    FastAPI reads what a function takes from its signature, which is made here from the
    fields of the options.

    Args:
        options: The class of the options.
        form: Whether they may stand in a form, too, which comes first then.
    """

    def told(**given: Any) -> dict[str, Any]:
        found = {
            name.removeprefix(_IN_FORM): value
            for name, value in given.items()
            if value is not None
        }
        return check_options(options, found).model_dump(exclude_unset=True)

    parameters = []
    for name, field in options.model_fields.items():
        places: list[tuple[str, Any]] = [(name, Query(description=field.description))]
        if form:
            again = Form(alias=name, description="The same, in the form.")
            places.append((_IN_FORM + name, again))
        parameters += [
            Parameter(
                place,
                Parameter.KEYWORD_ONLY,
                default=None,
                annotation=Annotated[field.rebuild_annotation() | None, where],
            )
            for place, where in places
        ]
    told.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    return told
