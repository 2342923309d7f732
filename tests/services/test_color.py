"""What is true of the color service only."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pillow

from ambience import registry
from ambience.cli.samples import sample_photographs
from ambience.core.errors import BadParameterError, StoredDataError
from ambience.core.features import Image, ImageId
from ambience.fusion import Calibration, fuse
from ambience.service import SearchRequest, ServiceSpec, VectorService
from ambience.services.color.evidence import HELLINGER
from ambience.services.color.extract import (
    BINS,
    WHOLE,
    HellingerExtractor,
    L1Extractor,
    color_histogram,
    roots,
    shares_of,
    variety,
)
from ambience.services.color.service import MIN_VARIETY
from tests.drawing import drawn_image

FLAT = "the image is nearly flat: there is too little in it to compare"


def image(pixels: np.ndarray, alpha: np.ndarray | None = None) -> Image:
    return Image(pixels, alpha, pixels.shape[:2])


@contextmanager
def opened(folder: Path, distance: str = "hellinger") -> Iterator[VectorService]:
    declared = registry.load("color")
    assert isinstance(declared, ServiceSpec)
    service = declared.open(declared.check({"distance": distance}), folder)
    assert isinstance(service, VectorService)
    try:
        yield service
    finally:
        service.close()


@pytest.fixture
def service(tmp_path: Path) -> Iterator[VectorService]:
    with opened(tmp_path) as service:
        yield service


@pytest.fixture(scope="module")
def photographs() -> dict[str, np.ndarray]:
    found = {}
    for path in sample_photographs():
        with Pillow.open(path) as opened_image:
            opened_image.thumbnail((320, 320))
            found[path.stem] = np.asarray(opened_image.convert("RGB"))
    return found


def slow_histogram(pixels: np.ndarray) -> np.ndarray:
    """Count pixel by pixel, in shares of one."""
    counts: np.ndarray = np.zeros(BINS)
    for red, green, blue in pixels.reshape(-1, 3).tolist():
        counts[red // 32 * 64 + green // 32 * 8 + blue // 32] += 1
    return np.asarray(counts / counts.sum())


def noise(seed: int, height: int = 20, width: int = 24) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (height, width, 3), dtype=np.uint8)


@given(seed=st.integers(0, 2**16), height=st.integers(1, 24), width=st.integers(1, 24))
def test_shares_are_those_of_a_slow_count(seed: int, height: int, width: int) -> None:
    pixels = noise(seed, height, width)
    shares = color_histogram(image(pixels))
    assert int(shares.sum(dtype=int)) == WHOLE
    np.testing.assert_allclose(shares / WHOLE, slow_histogram(pixels), atol=1 / WHOLE)


@given(seed=st.integers(0, 2**16), height=st.integers(1, 24), width=st.integers(1, 24))
def test_roots_keep_the_shares(seed: int, height: int, width: int) -> None:
    shares = color_histogram(image(noise(seed, height, width)))
    (again,) = shares_of(roots(shares)[None])
    np.testing.assert_allclose(again, shares / WHOLE, atol=2e-5)


def test_transparent_pixels_do_not_count() -> None:
    pixels = np.full((4, 4, 3), 255, np.uint8)
    pixels[0] = (255, 0, 0)
    alpha = np.zeros((4, 4), np.uint8)
    alpha[0] = 255
    only_red = image(np.full((1, 1, 3), (255, 0, 0), np.uint8))
    shares = color_histogram(image(pixels, alpha))
    np.testing.assert_array_equal(shares, color_histogram(only_red))


def test_an_image_that_is_transparent_all_over_is_a_white_page() -> None:
    white = np.full((4, 4, 3), 255, np.uint8)
    nothing = image(white, np.zeros((4, 4), np.uint8))
    np.testing.assert_array_equal(
        color_histogram(nothing), color_histogram(image(white))
    )


@pytest.mark.parametrize("turn", [np.fliplr, np.flipud, np.rot90])
@pytest.mark.parametrize("extractor", [HellingerExtractor(), L1Extractor()])
def test_turning_changes_nothing(
    extractor: HellingerExtractor | L1Extractor, turn: object
) -> None:
    pixels = drawn_image(1)
    turned = np.ascontiguousarray(turn(pixels))  # type: ignore[operator]
    straight, other = extractor.extract([image(pixels), image(turned)])
    np.testing.assert_array_equal(straight.rows, other.rows)
    assert straight.quality == other.quality


def test_the_distance_is_that_of_hellinger(service: VectorService) -> None:
    service.add({ImageId(n): image(noise(n)) for n in range(1, 6)})
    query = noise(9)
    answer = service.search(image(query), SearchRequest(k=5))
    assert len(answer.matches) == 5
    for match in answer.matches:
        apart = np.sqrt(slow_histogram(query)) - np.sqrt(
            slow_histogram(noise(match.image_id))
        )
        slow = float(np.linalg.norm(apart)) / np.sqrt(2)
        assert match.distance == pytest.approx(slow, abs=1e-4)


def test_images_without_a_common_color_are_one_apart(service: VectorService) -> None:
    dark = noise(1) // 2
    service.add({ImageId(1): image(dark)})
    (match,) = service.search(image(dark + 128), SearchRequest(k=1)).matches
    assert match.distance == pytest.approx(1.0, abs=1e-4)


def test_a_search_may_ask_for_the_distances_of_the_original(
    tmp_path: Path, photographs: dict[str, np.ndarray]
) -> None:
    """They are those of a service that compares so, of images that are not flat."""
    images = {
        ImageId(number): image(pixels)
        for number, pixels in enumerate(photographs.values())
        if variety(color_histogram(image(pixels))) >= MIN_VARIETY
    }
    assert len(images) > 10
    with (
        opened(tmp_path / "ours") as ours,
        opened(tmp_path / "original", "l1") as original,
    ):
        ours.add(images)
        original.add(images)
        for asked in (SearchRequest(k=8), SearchRequest(radius=1.6)):
            by_l1 = SearchRequest(asked.k, asked.radius, {"metric": "l1"})
            for image_id, query in images.items():
                for found, exact, again in (
                    (
                        ours.search(query, by_l1),
                        original.search(query, asked),
                        original.search(query, by_l1),
                    ),
                    (
                        ours.search_by_id(image_id, by_l1),
                        original.search_by_id(image_id, asked),
                        original.search_by_id(image_id, by_l1),
                    ),
                ):
                    assert again == exact
                    pairs = zip(found.matches, exact.matches, strict=True)
                    for one, other in pairs:
                        assert one.image_id == other.image_id
                        assert one.distance == pytest.approx(other.distance, abs=1e-3)


def test_only_distances_that_there_are_can_be_asked_for(
    service: VectorService,
) -> None:
    wrong = SearchRequest(k=1, options={"metric": "hamming"})
    with pytest.raises(BadParameterError, match="metric"):
        service.search(image(noise(1)), wrong)


def flat_images(photographs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return images in which colors say little."""
    coffee = photographs["coffee"] / 255
    gray = np.full((60, 80, 3), 127, np.uint8)
    drawing = np.full((60, 80, 3), 255, np.uint8)
    drawing[20:40, 10:70] = (200, 30, 30)
    return {
        "a gray square": gray,
        "a drawing with two colors": drawing,
        "a page of text": photographs["text"],
        "night": (255 * 0.15 * coffee**2.2).astype(np.uint8),
        "snow": (255 * (1 - 0.12 * (1 - coffee))).astype(np.uint8),
    }


def test_flat_images_are_similar_to_nothing(
    service: VectorService, photographs: dict[str, np.ndarray]
) -> None:
    flat = flat_images(photographs)
    service.add({ImageId(n): image(p) for n, p in enumerate(photographs.values())})
    service.add({ImageId(100 + n): image(p) for n, p in enumerate(flat.values())})
    for name, pixels in flat.items():
        answer = service.search(image(pixels), SearchRequest(k=5))
        assert (answer.matches, answer.note) == ((), FLAT), name
    white = np.full((60, 80, 3), 255, np.uint8)
    white[:40] = drawn_image(3, (40, 80))
    found = service.search(image(white), SearchRequest(k=50)).matches
    assert found
    assert not any(match.image_id >= 100 for match in found)


def test_photographs_are_not_flat(photographs: dict[str, np.ndarray]) -> None:
    for name in ("astronaut", "chelsea", "coffee", "rocket", "retina", "camera"):
        assert variety(color_histogram(image(photographs[name]))) > MIN_VARIETY, name


def test_strangers_are_not_claimed_and_other_views_are(
    service: VectorService, photographs: dict[str, np.ndarray]
) -> None:
    """The left half of a photograph finds its right half, if anything."""
    names = ("astronaut", "chelsea", "coffee", "rocket", "retina", "ihc")
    numbers = {name: ImageId(number) for number, name in enumerate(names)}
    halves = {name: np.array_split(photographs[name], 2, axis=1) for name in names}
    service.add({numbers[name]: image(halves[name][1]) for name in names})
    service.add({ImageId(100 + seed): image(drawn_image(seed)) for seed in range(60)})
    calibration = Calibration({"color": HELLINGER})
    right = 0
    for name in names:
        answer = service.search(image(halves[name][0]), SearchRequest(k=20))
        found = fuse({"color": answer}, facts={}, calibration=calibration, k=20)
        assert {match.image_id for match in found} <= {numbers[name]}, name
        right += len(found)
    assert right >= 4


def test_with_the_distance_of_the_original_flat_images_are_found_too(
    tmp_path: Path,
) -> None:
    gray = image(np.full((60, 80, 3), 127, np.uint8))
    with opened(tmp_path, "l1") as service:
        service.add({ImageId(1): gray})
        (match,) = service.search(gray, SearchRequest(k=1)).matches
    assert match.distance == 0


def test_features_of_another_distance_are_refused_with_what_to_do(
    tmp_path: Path,
) -> None:
    """Those of the version before are such features."""
    with opened(tmp_path, "l1") as service:
        service.add({ImageId(1): image(noise(1))})
    with (
        pytest.raises(StoredDataError, match="run `ambience rebuild color`"),
        opened(tmp_path),
    ):
        pass
    with opened(tmp_path, "l1") as service:
        assert service.status().count == 1
