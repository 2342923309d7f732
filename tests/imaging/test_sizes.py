"""One decode makes every size that is asked for."""

import numpy as np
import pytest
from PIL import Image

from ambience.core.errors import TooLargeError
from ambience.imaging import DEFAULT_LIMITS, WORKING_SIDE, ImageFile, Limits
from ambience.imaging.decoder_pool import DecodeRequest, DecoderPool, shared_pool
from ambience.imaging.decoding import working_images
from ambience.imaging.image_header import open_image
from tests.imaging.conftest import Encoded

SIDES = (224, 384, 2000)


class Counted:
    """What the pool of this process is asked to decode."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sides: list[set[int]] = []
        pool = shared_pool()

        def run(order: DecodeRequest) -> object:
            self.sides.append(set(order.options["sides"]))
            return DecoderPool.run(pool, order)

        monkeypatch.setattr(pool, "run", run)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counted:
    return Counted(monkeypatch)


def test_one_decode_makes_all_sizes(
    photograph: Image.Image, encoded: Encoded, counted: Counted
) -> None:
    file = ImageFile(encoded(photograph, "JPEG"), sides=SIDES)
    shapes = {side: file.at(side).pixels.shape for side in (WORKING_SIDE, *SIDES)}
    assert counted.sides == [{WORKING_SIDE, *SIDES}]
    longest = max(photograph.size)
    assert {side: max(s) for side, s in shapes.items()} == {
        side: min(side, longest) for side in (WORKING_SIDE, *SIDES)
    }
    assert file.at(2000).size == file.info.size == photograph.size[::-1]


def test_a_size_that_nobody_told_of_is_made_by_another_decode(
    photograph: Image.Image, encoded: Encoded, counted: Counted
) -> None:
    file = ImageFile(encoded(photograph, "JPEG"))
    assert max(file.image.pixels.shape) == WORKING_SIDE
    assert max(file.at(100).pixels.shape) == 100
    _ = file.at(100), file.image
    assert counted.sides == [{WORKING_SIDE}, {100}]


def test_smaller_sizes_leave_the_usual_one_as_it_is(
    photograph: Image.Image, encoded: Encoded
) -> None:
    data = encoded(photograph.resize((2800, 3600)), "JPEG")
    alone = ImageFile(data).image.pixels
    among = ImageFile(data, sides=(224, 384)).image.pixels
    assert np.array_equal(alone, among)


def test_a_larger_size_moves_the_usual_one_by_less_than_a_recompression(
    photograph: Image.Image, encoded: Encoded
) -> None:
    data = encoded(photograph.resize((2800, 3600)), "JPEG", quality=92)
    alone = ImageFile(data).image.pixels.astype(float)
    among = ImageFile(data, sides=(2000,)).image.pixels.astype(float)
    assert alone.shape == among.shape
    assert np.abs(alone - among).mean() < 2


def test_sizes_of_a_small_image_share_its_pixels(
    arrow: Image.Image, encoded: Encoded
) -> None:
    images = working_images(
        open_image(encoded(arrow, "PNG"), DEFAULT_LIMITS), (WORKING_SIDE, 2000, 50)
    )
    assert images[2000] is images[WORKING_SIDE]
    assert images[50] is not images[WORKING_SIDE]


def test_every_size_has_its_opacity(arrow: Image.Image, encoded: Encoded) -> None:
    seen_through = arrow.convert("RGBA")
    seen_through.putalpha(arrow.convert("L"))
    file = ImageFile(encoded(seen_through, "PNG"), sides=(50,))
    for side in (50, WORKING_SIDE):
        image = file.at(side)
        assert image.alpha is not None
        assert image.alpha.shape == image.pixels.shape[:2]
    whole = file.image.alpha
    assert whole is not None
    assert np.array_equal(whole, np.asarray(arrow.convert("L")))


def test_a_size_that_costs_too_much_leaves_the_others(
    photograph: Image.Image, encoded: Encoded
) -> None:
    data = encoded(photograph.resize((4200, 5400)), "JPEG")
    file = ImageFile(data, limits=Limits(decoding_bytes=60 * 2**20))
    usual = file.image
    for _ in range(2):
        with pytest.raises(TooLargeError):
            file.at(5000)
    assert file.image is usual
