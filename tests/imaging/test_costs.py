"""Decoding takes no more memory than is said before."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ambience.core.cancellation import Caller
from ambience.core.errors import TooLargeError
from ambience.imaging import ImageFile, Limits, full_pixels
from ambience.imaging.decoder_pool import DecodeRequest, DecoderPool
from ambience.imaging.worker_process import ENVIRONMENT
from tests.imaging.conftest import Encoded

MEBI = 2**20
LARGE = (1600, 1300)  # 2 megapixels: more than what any image takes

CODE = """
import gc, os, re, sys
from pathlib import Path
from ambience.core.region import Region
from ambience.imaging import Limits, decoding, encoding
from ambience.imaging.image_header import open_image

def status(name):
    text = Path("/proc/self/status").read_text()
    return 1024 * int(re.search(name + r":\\s+(\\d+)", text)[1])

def part(opened, permit):
    encoding.part(opened, Region(0, 0, 900, 900), permit)

def usual(opened, permit):
    decoding.working_images(opened, [640], permit)

def sizes(opened, permit):
    decoding.working_images(opened, [1200, 640, 224], permit)

first = usual  # loads libraries
for name in sys.argv[1:]:
    data = Path(name).read_bytes()
    for act in (first, usual, sizes, decoding.full_pixels, part):
        gc.collect()
        Path("/proc/self/clear_refs").write_text("5")  # the peak is now
        before, cost = status("VmRSS") - len(data), []
        act(open_image(data, Limits()), permit=cost.append)
        print(name, act.__name__, cost[0], status("VmHWM") - before)
"""

linux = pytest.mark.skipif(sys.platform != "linux", reason="tells no peak in /proc")


@pytest.fixture(scope="module")
def drawn() -> Image.Image:
    noise = np.random.default_rng(1).integers(0, 256, (40, 52, 3), np.uint8)
    return Image.fromarray(noise).resize(LARGE, Image.Resampling.BICUBIC)


def wide(drawn: Image.Image) -> Image.Image:
    return Image.fromarray(np.asarray(drawn.convert("L")).astype(np.uint16) * 257)


def transparent(drawn: Image.Image) -> Image.Image:
    drawn = drawn.copy()
    drawn.putalpha(drawn.getchannel("R"))
    return drawn


def plain(drawn: Image.Image) -> Image.Image:
    return drawn


Change = Callable[[Image.Image], Image.Image]
VARIANTS: dict[str, tuple[str, Change, dict[str, object]]] = {
    "jpeg": ("JPEG", plain, {}),
    "progressive": ("JPEG", plain, {"progressive": True, "subsampling": 0}),
    "cmyk": ("JPEG", lambda drawn: drawn.convert("CMYK"), {"progressive": True}),
    "gray": ("PNG", lambda drawn: drawn.convert("L"), {"compress_level": 1}),
    "png": ("PNG", transparent, {"compress_level": 1}),
    "palette": ("PNG", lambda drawn: drawn.quantize(9), {"transparency": 3}),
    "16 bits": ("PNG", wide, {"compress_level": 1}),
    "gif": ("GIF", lambda drawn: drawn.quantize(9), {}),
    "bmp": ("BMP", plain, {}),
    "tiff": ("TIFF", transparent, {"compression": "tiff_lzw"}),
    "float": ("TIFF", lambda drawn: drawn.convert("F"), {}),
    "webp": ("WEBP", plain, {"method": 0}),
    "lossless": ("WEBP", transparent, {"lossless": True, "method": 0, "quality": 0}),
    "avif": ("AVIF", plain, {"speed": 10, "subsampling": "4:4:4"}),
}


@linux
def test_a_decode_takes_what_is_said_before(
    tmp_path: Path, drawn: Image.Image, encoded: Encoded
) -> None:
    for name, (kind, change, options) in VARIANTS.items():
        data = encoded(change(drawn), kind, **options)
        (tmp_path / name.replace(" ", "_")).write_bytes(data)
    words = [sys.executable, "-c", CODE, *map(str, sorted(tmp_path.iterdir()))]
    done = subprocess.run(
        words,
        env={**os.environ, **ENVIRONMENT},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    lines = [line.split() for line in done.stdout.splitlines()]
    assert len(lines) == 5 * len(VARIANTS)
    for file, act, said, taken in lines:
        assert int(taken) <= int(said), f"{Path(file).name}, {act}"


@linux
def test_a_large_webp_takes_little_more_than_its_pixels(
    drawn: Image.Image, encoded: Encoded
) -> None:
    drawn = drawn.resize((4000, 3000))
    pixels = drawn.width * drawn.height
    data = encoded(drawn, "WEBP", method=0)
    pool = DecoderPool(size=1)
    request = DecodeRequest(
        "working", {"sides": [640]}, data, Limits(), Caller(patient=True)
    )
    assert pool.run(request).failure is None
    (worker,) = pool._idle  # noqa: SLF001 -- its memory is what is asked for
    status = Path(f"/proc/{worker.pid}/status").read_text()
    pool.close()
    peak = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert peak is not None
    assert 1024 * int(peak[1]) < 13 * pixels + 100 * MEBI  # Pillow's own reader: 21


def test_an_image_that_would_take_more_than_the_whole_is_refused(
    drawn: Image.Image, encoded: Encoded
) -> None:
    data = encoded(drawn, "WEBP", method=0)
    whole = Limits(decoding_bytes=60 * MEBI)
    assert ImageFile(data, limits=whole).image.size == (1300, 1600)
    less = Limits(decoding_bytes=30 * MEBI)
    file = ImageFile(data, limits=less)
    with pytest.raises(TooLargeError, match=r"limits\.decoding_mib"):
        _ = file.image
    assert file.info.size == (1300, 1600)
    with pytest.raises(TooLargeError, match=r"limits\.decoding_mib"):
        full_pixels(data, limits=less)


UNFORESEEN = """
from ambience.imaging.worker import _at_most
try:
    with _at_most(64 * 2**20):
        bytearray(512 * 2**20)
except MemoryError:
    print("refused", len(bytearray(512 * 2**20)))
"""


@linux
def test_memory_that_nobody_foresaw_is_refused() -> None:
    words = [sys.executable, "-c", UNFORESEEN]
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True)
    assert done.stdout.split() == ["refused", str(512 * MEBI)]
