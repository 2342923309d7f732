"""Indexes of descriptors, of both kinds."""

from collections.abc import Callable

import pytest

from ambience.engine.embedded.descriptors.descriptor_index import DescriptorIndex
from ambience.engine.embedded.descriptors.quantizer import Quantizer
from tests.engine.keypoint_rows import drawn_rows


@pytest.fixture(scope="session")
def quantizer() -> Quantizer:
    return Quantizer.trained(drawn_rows(99, 2_000), 3_000)


@pytest.fixture(params=["exact", "trained"])
def empty(
    request: pytest.FixtureRequest, quantizer: Quantizer
) -> Callable[[], DescriptorIndex]:
    chosen = quantizer if request.param == "trained" else None
    return lambda: DescriptorIndex(chosen, threads=2)


@pytest.fixture
def index(empty: Callable[[], DescriptorIndex]) -> DescriptorIndex:
    return empty()
