"""Large images that come at once take the memory of one, and give it back."""

import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from ambience.imaging.budget import MAX_MEGAPIXELS

SIDE = 11_500  # two of these are more than may be decoded at the same time
MEBI = 2**20
CODE = f"""
import re, sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from ambience.cli import main
assert main(["duplicates", "--data", sys.argv[1]]) == 0
from ambience.imaging import ImageFile
data = Path(sys.argv[2]).read_bytes()
with ThreadPoolExecutor(3) as pool:
    sizes = set(pool.map(lambda _: ImageFile(data).image.size, range(3)))
assert sizes == {{({SIDE}, {SIDE})}}
print(*re.findall(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text()))
"""


def large_png() -> bytes:
    """Return a black image, made without the memory that it stands for."""

    def chunk(name: bytes, body: bytes) -> bytes:
        check = zlib.crc32(name + body).to_bytes(4, "big")
        return len(body).to_bytes(4, "big") + name + body + check

    side = SIDE.to_bytes(4, "big")
    row = bytes(1 + 3 * SIDE)
    packer = zlib.compressobj(1)
    rows = b"".join([*(packer.compress(row) for _ in range(SIDE)), packer.flush()])
    header = chunk(b"IHDR", side + side + bytes([8, 2, 0, 0, 0]))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.skipif(sys.platform != "linux", reason="tells no peak in /proc")
def test_large_images_at_once_take_the_memory_of_one(tmp_path: Path) -> None:
    assert 2 * SIDE * SIDE > 1e6 * MAX_MEGAPIXELS
    image = tmp_path / "large.png"
    image.write_bytes(large_png())
    words = [sys.executable, "-c", CODE, str(tmp_path / "data"), str(image)]
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True)
    peak_bytes = 1024 * int(done.stdout.split()[-1])
    one = 4 * SIDE * SIDE
    assert one < peak_bytes < 1.6 * one + 100 * MEBI
