"""One file: hashed, opened and decoded once, whoever asks."""

import hashlib
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np
import pytest
from PIL import Image

from ambience.core.errors import TruncatedImageError
from ambience.imaging import ImageFile
from tests.imaging.conftest import Encoded

THREADS = 8


def test_the_hash_is_that_of_the_bytes() -> None:
    assert ImageFile(b"anything").sha256 == hashlib.sha256(b"anything").digest()


def test_threads_share_one_decode(photograph: Image.Image, encoded: Encoded) -> None:
    file = ImageFile(encoded(photograph, "JPEG"))
    start = Barrier(THREADS)

    def ask(_: int) -> tuple[object, object, bytes]:
        start.wait()
        return file.image, file.info, file.sha256

    with ThreadPoolExecutor(THREADS) as pool:
        answers = list(pool.map(ask, range(THREADS)))
    assert len({id(image) for image, _, _ in answers}) == 1
    assert len({id(info) for _, info, _ in answers}) == 1


def test_the_header_is_read_without_the_pixels(
    photograph: Image.Image, encoded: Encoded
) -> None:
    data = encoded(photograph, "JPEG")
    assert ImageFile(data[: len(data) // 2]).info.size == (700, 900)


def test_a_failure_is_the_same_at_every_question(
    photograph: Image.Image, encoded: Encoded
) -> None:
    data = encoded(photograph, "JPEG")
    file = ImageFile(data[: len(data) // 2])
    sentences = set()
    for _ in range(3):
        with pytest.raises(TruncatedImageError) as caught:
            _ = file.image
        sentences.add(str(caught.value))
    assert len(sentences) == 1


def test_many_files_decode_in_parallel_as_they_do_alone(
    photograph: Image.Image, encoded: Encoded
) -> None:
    files = [encoded(photograph.rotate(at), "JPEG", quality=60) for at in range(12)]
    alone = [ImageFile(data).image.pixels for data in files]
    with ThreadPoolExecutor(THREADS) as pool:
        together = list(pool.map(lambda data: ImageFile(data).image.pixels, files))
    assert all(
        np.array_equal(one, other) for one, other in zip(alone, together, strict=True)
    )


def test_heavy_libraries_stay_asleep() -> None:
    heavy = {"pillow_heif", "cv2", "faiss", "scipy"}
    code = f"import sys, ambience.imaging; print({heavy} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"
