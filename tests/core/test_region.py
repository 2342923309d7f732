"""A region is read from text, and lies within its image."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambience.core.errors import BadParameterError
from ambience.core.region import Region

SIZE = (60, 80)


@given(st.tuples(*[st.integers(-(10**9) + 1, 10**9 - 1)] * 4))
def test_a_region_reads_what_it_writes(numbers: tuple[int, int, int, int]) -> None:
    region = Region(*numbers)
    assert Region.parse(str(region)) == region


def test_spaces_mean_nothing() -> None:
    assert Region.parse(" 1, 2 ,3,\t4\n") == Region(1, 2, 3, 4)


@pytest.mark.parametrize(
    "text",
    [
        "", "1,2,3", "1,2,3,4,5", "1,2,3,", "a,b,c,d", "1.5,2,3,4", "1 2 3 4",
        "٣,1,1,1", "9" * 400 + ",1,1,1",
    ],
)  # fmt: skip
def test_what_is_no_region_is_told_what_one_looks_like(text: str) -> None:
    with pytest.raises(BadParameterError, match="x,y,width,height in whole pixels"):
        Region.parse(text)


@pytest.mark.parametrize("text", ["0,0,80,60", "79,59,1,1", "10,20,30,40"])
def test_a_region_within_its_image_is_one(text: str) -> None:
    Region.parse(text).check_within(SIZE)


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("0,0,0,10", "is empty"),
        ("0,0,10,0", "is empty"),
        ("10,10,-5,5", "is empty"),
        ("-1,0,10,10", "is not within the image"),
        ("0,-1,10,10", "is not within the image"),
        ("71,0,10,10", "is not within the image"),
        ("0,51,10,10", "is not within the image"),
        ("80,60,1,1", "is not within the image"),
    ],
)
def test_a_region_elsewhere_is_told_the_size(text: str, wrong: str) -> None:
    with pytest.raises(
        BadParameterError, match=f"{wrong}: the image is 80 pixels wide and 60 high"
    ):
        Region.parse(text).check_within(SIZE)


def test_only_the_whole_is_all_of_an_image() -> None:
    assert Region(0, 0, 80, 60).is_all_of(SIZE)
    assert not Region(0, 0, 79, 60).is_all_of(SIZE)
    assert not Region(1, 0, 80, 60).is_all_of(SIZE)
