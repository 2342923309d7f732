"""What a search may be told besides how many and how far, by each service's rules."""

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from ambience.core.errors import BadParameterError


class SearchOptions(BaseModel):
    """The options of a service that has none; others add fields, each described."""

    model_config = ConfigDict(frozen=True, extra="forbid")


Options = TypeVar("Options", bound=SearchOptions)


def check_options(options: type[Options], given: Mapping[str, Any]) -> Options:
    """Return the options of a search.

    Args:
        options: The class of a service's options.
        given: By name; values may be text, as they come in a form.

    Raises:
        BadParameterError: If one is unknown or out of range; the sentence names each.
    """
    try:
        return options.model_validate(given)
    except ValidationError as error:
        problems = (
            f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}"
            for problem in error.errors()
        )
        raise BadParameterError("; ".join(problems)) from error
