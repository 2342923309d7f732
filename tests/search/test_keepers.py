"""The one to keep is the source, and not what was made of it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ambience.core.features import ImageId
from ambience.imaging import Provenance, extracted, saved_from
from ambience.search.keepers import keeper
from ambience.search.listed_image import ListedImage
from tests.drawing import drawn_image, encode

FINE, COARSE = (4,) * 64, (9,) * 64


def listed(number: int, name: str = "a.jpg", **fields: Any) -> ListedImage:
    plain = ListedImage(
        ImageId(number), Path(name), (30, 40), 1000, "jpeg", bytes([number]) * 32, 5
    )
    return replace(plain, **fields)


class Told:
    """Says of each image what a test wrote down."""

    def __init__(
        self,
        known: Mapping[int, Provenance],
        derived: Mapping[int, set[tuple[int, ...]]] | None = None,
    ) -> None:
        self._known = known
        self._derived = derived or {}

    def provenance(self, image: ListedImage) -> Provenance:
        return self._known.get(image.image_id, Provenance())

    def saved_from(
        self, image: ListedImage, tables: Sequence[Sequence[int]]
    ) -> list[bool]:
        from_these = self._derived.get(image.image_id, set())
        return [tuple(table) in from_these for table in tables]


@pytest.mark.parametrize(
    ("kept", "gone", "known"),
    [
        # each is better by one rule, and worse by all that come after it
        (listed(2), listed(1, missing=True, size=(60, 80)), {}),
        (listed(2), listed(1, size=(30, 39)), {1: Provenance(names_camera=True)}),
        (
            listed(2, size=(40, 30)),
            listed(1, size=(30, 39)),
            {1: Provenance(names_camera=True)},
        ),
        # squeezed, it has more pixels, and is not larger
        (
            listed(2),
            listed(1, size=(35, 35)),
            {2: Provenance(names_camera=True)},
        ),
        (
            listed(2),
            listed(1),
            {1: Provenance(is_lossless=True), 2: Provenance(names_camera=True)},
        ),
        (
            listed(2),
            listed(1),
            {1: Provenance(steps=FINE), 2: Provenance(is_lossless=True)},
        ),
        (
            listed(2, modified_ns=9),
            listed(1),
            {1: Provenance(steps=COARSE), 2: Provenance(steps=FINE)},
        ),
        (listed(2, "a copy.jpg", modified_ns=4), listed(1), {}),
        (listed(2, "a long name.jpg"), listed(1, "a copy.jpg"), {}),
        (listed(2, "a long name.jpg"), listed(1, "a (1).jpg"), {}),
        (listed(2, "a long name.jpg"), listed(1, "Copy of a.jpg"), {}),
        (listed(2, "z.jpg"), listed(1, "aa.jpg"), {}),
        (listed(2, "a/a.jpg"), listed(1, "b/a.jpg"), {}),
        (listed(1), listed(2), {}),
    ],
)
def test_the_first_rule_in_which_two_differ_decides(
    kept: ListedImage, gone: ListedImage, known: Mapping[int, Provenance]
) -> None:
    for copies in ([kept, gone], [gone, kept]):
        assert keeper(copies, Told(known)) is kept


def test_what_was_saved_from_another_is_not_kept_however_good_it_looks() -> None:
    source, again, lossless = listed(1, modified_ns=9), listed(2), listed(3)
    known = {
        1: Provenance(steps=COARSE),
        2: Provenance(steps=FINE, names_camera=True),
        3: Provenance(is_lossless=True),
    }
    told = Told(known, {2: {COARSE}, 3: {COARSE}})
    assert keeper([again, lossless, source], told) is source


class Files:
    """Reads what files tell, from memory."""

    def __init__(self, files: Sequence[bytes]) -> None:
        self._files = files

    def provenance(self, image: ListedImage) -> Provenance:
        return extracted(self._files[image.image_id], ()).provenance

    def saved_from(
        self, image: ListedImage, tables: Sequence[Sequence[int]]
    ) -> list[bool]:
        return saved_from(self._files[image.image_id], tables)


def test_of_real_files_the_source_is_kept() -> None:
    drawn = drawn_image(4, (240, 320))
    source = encode(drawn, "JPEG", quality=80)
    with Image.open(BytesIO(source)) as image:
        decoded = np.array(image)
    files = [
        encode(decoded, "JPEG", quality=95),  # larger, and no better
        encode(decoded),  # without loss, of what was lost already
        encode(decoded, "JPEG", quality=60),
        source,
    ]
    assert len(files[0]) > len(source)
    copies = [
        listed(n, size=(240, 320), byte_count=len(data)) for n, data in enumerate(files)
    ]
    assert keeper(copies, Files(files)).image_id == 3
    files[0] = encode(drawn, "JPEG", quality=95)  # not from that one
    assert keeper([copies[0], *copies[2:]], Files(files)).image_id == 0
    files[1] = encode(drawn)
    assert keeper(copies, Files(files)).image_id == 1
