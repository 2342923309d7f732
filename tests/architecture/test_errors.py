"""The error tree is drawn where it is defined, and each error has its HTTP status."""

import inspect
import re

import pytest

from ambience.core import errors
from ambience.core.errors import AmbienceError
from ambience.web.problems import STATUS

ERRORS = [
    cls
    for _, cls in inspect.getmembers(errors, inspect.isclass)
    if issubclass(cls, AmbienceError)
]


@pytest.mark.parametrize("error", ERRORS)
def test_an_error_is_drawn_below_its_base(error: type[AmbienceError]) -> None:
    drawn: dict[str, str] = {}  # name of an error: name of its base
    above: list[tuple[int, str]] = []
    for indent, name in re.findall(
        r"^( *)[*+-] (\w+Error)\b", errors.__doc__ or "", re.MULTILINE
    ):
        above = [(depth, base) for depth, base in above if depth < len(indent)]
        drawn[name] = above[-1][1] if above else "Exception"
        above.append((len(indent), name))
    assert error.__base__ is not None
    assert drawn.get(error.__name__) == error.__base__.__name__


@pytest.mark.parametrize("error", [cls for cls in ERRORS if cls is not AmbienceError])
def test_an_error_has_a_status(error: type[AmbienceError]) -> None:
    statuses = [STATUS[base] for base in error.__mro__ if base in STATUS]
    assert statuses
    assert 400 <= statuses[0] < 600


def test_every_status_belongs_to_an_error() -> None:
    assert set(STATUS) <= set(ERRORS)
