"""The options of a search besides `k` and `radius`, which each service defines."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from ambience.core.errors import BadParameterError


class SearchOptions(BaseModel):
    """No options; a service that has some subclasses this and describes each field.

    Attributes:
        closer_look: The options, by name, that find what is small in a query; none if
            the service can't look closer.
    """

    closer_look: ClassVar[Mapping[str, Any]] = MappingProxyType({})

    model_config = ConfigDict(frozen=True, extra="forbid")

    def image_side(self, usual: int) -> int:
        """Return the longest side at which to look at a query, in pixels.

        Args:
            usual: The side if no option says otherwise; see `Extractor.working_side`.
        """
        return usual


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
