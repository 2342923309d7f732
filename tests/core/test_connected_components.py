"""Chains of pairs make groups, as a search along the pairs finds them."""

from collections import defaultdict

from hypothesis import given
from hypothesis import strategies as st

from ambience.core.connected_components import joined
from ambience.core.features import ImageId

GROUPS = st.lists(st.lists(st.integers(0, 15).map(ImageId), max_size=4), max_size=12)


def walked(groups: list[list[ImageId]]) -> list[list[ImageId]]:
    """Follow every pair from every image."""
    near: dict[ImageId, set[ImageId]] = defaultdict(set)
    for group in groups:
        for image_id in group:
            near[image_id] |= set(group)
    found = set()
    for image_id in near:
        seen, left = {image_id}, [image_id]
        while left:
            new = near[left.pop()] - seen
            seen |= new
            left += new
        if len(seen) > 1:
            found.add(tuple(sorted(seen)))
    return [list(group) for group in sorted(found)]


@given(GROUPS)
def test_groups_that_share_an_image_become_one(groups: list[list[ImageId]]) -> None:
    assert joined(groups) == walked(groups)
