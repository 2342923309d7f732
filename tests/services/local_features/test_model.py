"""HardNet8, full size, with random weights, against Kornia and its own definition.

What Kornia makes of a photograph with these weights was recorded once, by
scripts/record_hardnet8.py: in its single precision, places are a little off, so it was
asked in double.
"""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper
from PIL import Image as Pillow

from ambience.core.errors import CorruptDataError, UnavailableError
from ambience.services.local_features.model import (
    UNIT,
    HardNet8,
    cut_patches,
    quantized,
)
from scripts.export_hardnet8 import network
from tests.drawing import drawn_image
from tests.services.local_features.slow_hardnet8 import (
    seeded_state,
    slow_patch,
    slow_vectors,
)

State = dict[str, NDArray[np.float32]]
Keypoints = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]

KORNIA = Path(__file__).with_name("kornia.npz")


@pytest.fixture(scope="module")
def state() -> State:
    return seeded_state()


@pytest.fixture(scope="module")
def path(state: State, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("weights") / "hardnet8.onnx"
    file.write_bytes(network(state).SerializeToString())
    return file


@pytest.fixture(scope="module")
def model(path: Path) -> HardNet8:
    return HardNet8(path)


@pytest.fixture(scope="module")
def kornia() -> dict[str, NDArray[Any]]:
    with np.load(KORNIA) as recorded:
        return dict(recorded)


@pytest.fixture
def coins(photos: dict[str, Path]) -> NDArray[np.uint8]:
    with Pillow.open(photos["coins.png"]) as photo:
        return np.asarray(photo.convert("L"))


def recorded(kornia: dict[str, NDArray[Any]]) -> Keypoints:
    return kornia["places"], kornia["scales"], kornia["angles"]


def drawn_gray(size: tuple[int, int]) -> NDArray[np.uint8]:
    return drawn_image(1, size)[..., 1]


def drawn_keypoints(size: tuple[int, int], n: int) -> Keypoints:
    """Return keypoints anywhere in an image and of any size, some larger than it."""
    rng = np.random.default_rng(3)
    places = rng.uniform(0, 1, (n, 2)) * size[::-1]
    return places, np.exp2(rng.uniform(0, 6, n)), rng.uniform(-7, 7, n)


def test_patches_are_those_of_kornia(
    kornia: dict[str, NDArray[Any]], coins: NDArray[np.uint8]
) -> None:
    patches = cut_patches(coins, *recorded(kornia))
    finest, coarsest = patches[[0, -1]]
    np.testing.assert_allclose([finest, coarsest], kornia["patches"], atol=1e-6)


def test_vectors_are_those_of_kornia(
    model: HardNet8, kornia: dict[str, NDArray[Any]], coins: NDArray[np.uint8]
) -> None:
    places, scales, angles = recorded(kornia)
    vectors = model.vectors(cut_patches(coins, places, scales, angles))
    np.testing.assert_allclose(vectors, kornia["vectors"], atol=1e-5)
    # It would not pass if a convention were another: a tenth of a pixel is seen.
    off = model.vectors(cut_patches(coins, places + 0.1, scales, angles))
    assert np.abs(off - kornia["vectors"]).max(axis=1).min() > 1e-4


def test_vectors_are_the_network_by_its_definition(
    model: HardNet8, state: State
) -> None:
    patches = np.random.default_rng(0).random((4, 32, 32)).astype(np.float32)
    patches[1] *= 0.01  # contrast makes no difference
    expected = slow_vectors(patches, state)
    np.testing.assert_allclose(model.vectors(patches), expected, atol=1e-5)


@pytest.mark.parametrize("size", [(131, 197), (200, 64), (40, 33), (1, 9)])
def test_patches_are_cut_as_their_definition_says(size: tuple[int, int]) -> None:
    gray = drawn_gray(size)
    places, scales, angles = drawn_keypoints(size, 8)
    expected = [
        slow_patch(gray, x, y, scale, angle)
        for (x, y), scale, angle in zip(places, scales, angles, strict=True)
    ]
    patches = cut_patches(gray, places, scales, angles)
    np.testing.assert_allclose(patches, expected, atol=1e-6)


def test_a_patch_of_the_image_s_own_pixels_is_a_crop_of_it() -> None:
    gray = drawn_gray((60, 70))
    place, diameter = np.array([[16.0 + 20, 16.0 + 10]]), np.array([16 / 6])
    (patch,) = cut_patches(gray, place, diameter, np.zeros(1))
    np.testing.assert_allclose(patch * 255, gray[10:42, 20:52], atol=1e-4)


def test_angles_turn_clockwise() -> None:
    gray = drawn_gray((60, 70))
    place, diameter = np.array([[30.0, 30.0]]), np.array([16 / 6])
    (patch,) = cut_patches(gray, place, diameter, np.array([np.pi / 2]))
    # Its first row runs down the image's right side.
    np.testing.assert_allclose(patch[0] * 255, gray[14:46, 45], atol=1e-3)


def test_levels_may_be_bytes_or_floats(model: HardNet8) -> None:
    gray, keypoints = drawn_gray((90, 120)), drawn_keypoints((90, 120), 5)
    np.testing.assert_array_equal(
        model.descriptors(gray, *keypoints),
        model.descriptors(gray.astype(np.float32), *keypoints),
    )


@pytest.mark.parametrize("n", [0, 1, 64, 65])
def test_batching_changes_nothing(model: HardNet8, n: int) -> None:
    patches = np.random.default_rng(0).random((n, 32, 32)).astype(np.float32)
    vectors = model.vectors(patches)
    assert vectors.shape == (n, 128)
    for number in {0, n // 2, n - 1} & set(range(n)):
        (alone,) = model.vectors(patches[number : number + 1])
        np.testing.assert_allclose(vectors[number], alone, atol=1e-6)


def test_mirrored_descriptors_are_those_of_the_mirrored_image(model: HardNet8) -> None:
    size = (128, 192)  # halves of it have no odd side: its pyramid mirrors exactly
    gray = drawn_gray(size)
    places, scales, angles = drawn_keypoints(size, 12)
    mirrored = model.descriptors(
        np.ascontiguousarray(gray[:, ::-1]),
        np.array([size[1], 0]) + places * (-1, 1),
        scales,
        np.pi - angles,
    )
    found = model.descriptors(gray, places, scales, angles, mirrored=True)
    assert np.abs(found.astype(int) - mirrored).max() <= 1
    upright = model.descriptors(gray, places, scales, angles)
    assert np.abs(upright.astype(int) - mirrored).max() > 10


def test_every_unit_vector_fits_into_bytes() -> None:
    axes = np.concatenate([np.eye(128), -np.eye(128)]).astype(np.float32)
    stored = quantized(axes)
    assert (stored.min(), stored.max()) == (128 - UNIT, 128 + UNIT)


def test_rounding_moves_distances_little() -> None:
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((500, 128))
    others = vectors + 0.75 * rng.standard_normal(vectors.shape)
    vectors, others = (
        v / np.linalg.norm(v, axis=1)[:, None] for v in (vectors, others)
    )
    apart = np.linalg.norm(vectors - others, axis=1)
    rows, other_rows = (
        quantized(v.astype(np.float32)).astype(int) for v in (vectors, others)
    )
    assert np.abs(rows - (UNIT * vectors + 128)).max() < 0.5 + 1e-4
    moved = np.linalg.norm(rows - other_rows, axis=1) / UNIT - apart
    assert apart.mean() == pytest.approx(0.63, abs=0.02)
    assert np.sqrt(np.mean(moved**2)) < 0.006 * apart.mean()


@pytest.mark.parametrize("size", [(1, 1), (1, 640), (3, 2)])
def test_tiny_images_work(model: HardNet8, size: tuple[int, int]) -> None:
    gray, keypoints = np.zeros(size, np.uint8), drawn_keypoints(size, 3)
    assert model.descriptors(gray, *keypoints).shape == (3, 128)


def test_the_network_is_loaded_when_needed_and_once(path: Path, tmp_path: Path) -> None:
    there = tmp_path / "hardnet8.onnx"
    model = HardNet8(there)
    with pytest.raises(UnavailableError, match=r"not at .*hardnet8\.onnx: write them"):
        model.load()
    there.write_bytes(path.read_bytes())
    patches = np.random.default_rng(0).random((2, 32, 32)).astype(np.float32)
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(model.vectors, [patches] * 8))
    there.unlink()
    for answer in answers:
        np.testing.assert_array_equal(answer, model.vectors(patches))


def other_network(*, side: int, patches: str | int) -> bytes:
    shape = [patches, 1, side, side]
    graph = helper.make_graph(
        [helper.make_node("Flatten", ["in"], ["out"])],
        "other",
        [helper.make_tensor_value_info("in", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, [patches, side**2])],
    )
    opset = helper.make_opsetid("", 18)
    model = helper.make_model(graph, opset_imports=[opset], ir_version=8)
    content: bytes = model.SerializeToString()
    return content


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "can't be read"),
        (b"not a network", "can't be read"),
        (other_network(side=32, patches="n"), "isn't HardNet8"),
        (other_network(side=16, patches="n"), "isn't HardNet8"),
        (other_network(side=32, patches=1), "isn't HardNet8"),
    ],
    ids=["empty", "text", "other output", "other input", "one patch only"],
)
def test_another_file_is_refused(content: bytes, sentence: str, tmp_path: Path) -> None:
    file = tmp_path / "hardnet8.onnx"
    file.write_bytes(content)
    with pytest.raises(CorruptDataError, match=sentence):
        HardNet8(file).load()


def test_a_damaged_file_is_refused(path: Path, tmp_path: Path) -> None:
    file = tmp_path / "hardnet8.onnx"
    file.write_bytes(path.read_bytes()[:1_000_000])
    with pytest.raises(CorruptDataError, match="can't be read"):
        HardNet8(file).load()
