"""Refuses form fields that nobody reads, so that a misspelt one is noticed."""

from collections.abc import Sequence
from typing import Any

from fastapi import Depends, Request

from ambience.core.errors import BadParameterError

_SHOWN = 5  # names in a sentence
_LONGEST = 40  # characters of a name


def only_fields(*known: str) -> Any:
    """Return a dependency for ``dependencies=`` that knows a route's form fields.

    It raises `BadParameterError` for a field that is unknown or given twice. Fields
    that are missing or wrong are the route's affair.
    """

    async def check(request: Request) -> None:
        form = await request.form()  # read once, and kept for the route
        names = [name for name, _ in form.multi_items()]
        unknown = [name for name in dict.fromkeys(names) if name not in known]
        if unknown:
            raise BadParameterError(
                f"not understood here: {_shown(unknown)}; this takes {', '.join(known)}"
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
