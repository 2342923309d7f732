"""Limits the size of forms, and refuses unknown fields."""

from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from fastapi import Depends, Request, Response
from fastapi.routing import APIRoute
from starlette.datastructures import FormData

from ambience.core.errors import BadParameterError

_SHOWN = 5  # names in a message
_LONGEST = 40  # characters of a name

# The largest form has an image and a dozen fields, which are held in memory.
_MAX_FILES = 4
_MAX_FIELDS = 64
_MAX_FIELD_BYTES = 2**16


class FormRoute(APIRoute):
    """A route that limits the number of parts in a form and the size of fields."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """See `APIRoute`."""
        handler = super().get_route_handler()

        async def handle(request: Request) -> Response:
            return await handler(SmallForm(request.scope, request.receive))

        return handle


class SmallForm(Request):
    """A request whose form is limited."""

    async def _get_form(self, **_: Any) -> FormData:
        return await super()._get_form(
            max_files=_MAX_FILES,
            max_fields=_MAX_FIELDS,
            max_part_size=_MAX_FIELD_BYTES,
        )


def only_fields(*known: str) -> Any:
    """Return a dependency that refuses unknown and repeated form fields.

    It raises `BadParameterError`. Missing and invalid fields are left to the route.
    """

    async def check(request: Request) -> None:
        form = await request.form()  # parsed once; the route gets the same form
        names = [name for name, _ in form.multi_items()]
        unknown = [name for name in dict.fromkeys(names) if name not in known]
        if unknown:
            raise BadParameterError(
                f"unknown: {_shown(unknown)}; this takes {', '.join(known)}"
            )
        twice = [name for name in known if names.count(name) > 1]
        if twice:
            raise BadParameterError(f"given more than once: {_shown(twice)}")

    return Depends(check)


def _shown(names: Sequence[str]) -> str:
    shown = [
        name[:_LONGEST] if name and name.isprintable() else repr(name[:_LONGEST])
        for name in names[:_SHOWN]
    ]
    if len(names) > _SHOWN:
        shown.append(f"{len(names) - _SHOWN} more")
    return ", ".join(shown)
