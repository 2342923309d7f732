"""A search says how many matches or how far, and not both."""

from typing import Any

import pytest

from ambience.core.errors import BadParameterError
from ambience.service import SearchRequest


@pytest.mark.parametrize("asked", [{}, {"k": 3, "radius": 0.5}])
def test_either_how_many_or_how_far(asked: dict[str, Any]) -> None:
    with pytest.raises(BadParameterError, match="exactly one"):
        SearchRequest(**asked)
