"""Validators for numbers that arrive as text."""

import re
from typing import Any, Final

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

# int() and float() would also accept 1_0, +1, " 1 " and the digits of every script.
_WHOLE = re.compile(r"-?[0-9]+")
_DECIMAL = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?")


def _whole(value: Any) -> Any:
    if isinstance(value, bool) or (
        isinstance(value, str) and not _WHOLE.fullmatch(value)
    ):
        raise PydanticCustomError("whole", "give a whole number in the digits 0 to 9")
    return value


def _decimal(value: Any) -> Any:
    if isinstance(value, bool) or (
        isinstance(value, str) and not _DECIMAL.fullmatch(value)
    ):
        raise PydanticCustomError("decimal", "give a number, such as 0.5 or 20")
    return value


WHOLE: Final = BeforeValidator(_whole)
"""For a whole number: refuses booleans, and text other than digits after an optional
minus. It goes after the bounds: ``Annotated[int, Field(ge=0), WHOLE]``."""

DECIMAL: Final = BeforeValidator(_decimal)
"""For any number: refuses booleans and text that isn't decimal; an exponent is fine."""
