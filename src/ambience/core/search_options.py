"""The options of a search besides `k` and `radius`, which each service defines."""

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from ambience.core.errors import BadParameterError


class SearchOptions(BaseModel):
    """No options; a service that has some subclasses this and describes each field."""

    model_config = ConfigDict(frozen=True, extra="forbid")


Options = TypeVar("Options", bound=SearchOptions)


def check_options(options: type[Options], given: Mapping[str, Any]) -> Options:
    """Return the checked options of a search.

    Args:
        options: The service's class of options.
        given: Values by name; they may be text, as in a form.

    Raises:
        BadParameterError: If any is unknown or out of range; the sentence names each.
    """
    try:
        return options.model_validate(given)
    except ValidationError as error:
        problems = (
            f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}"
            for problem in error.errors()
        )
        raise BadParameterError("; ".join(problems)) from error
