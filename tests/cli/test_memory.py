"""Large images that come at once take the memory of one, and give it back."""

import subprocess
import sys
import zlib
from pathlib import Path

import pytest

SIDE = 8000
MEBI = 2**20
ONE = 4 * SIDE * SIDE  # bytes, as they are decoded to
CODE = f"""
import re, sys, threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
import psutil
from ambience.cli import main
assert main(["duplicates", "--data", sys.argv[1]]) == 0
from ambience.imaging import ImageFile, Limits
data = Path(sys.argv[2]).read_bytes()
limits = Limits(decoding_bytes={ONE} * 3 // 2)  # of which two take more

def taken():
    total = 0
    for process in psutil.Process().children():
        try:
            total += process.memory_info().rss
        except psutil.NoSuchProcess:
            pass
    return total

over, peak = threading.Event(), 0
def watch():
    global peak
    while not over.wait(0.002):
        peak = max(peak, taken())

watcher = threading.Thread(target=watch)
watcher.start()
with ThreadPoolExecutor(3) as pool:
    files = [ImageFile(data, limits=limits) for _ in range(3)]
    sizes = set(pool.map(lambda file: file.image.size, files))
over.set()
watcher.join()
assert sizes == {{({SIDE}, {SIDE})}}
own = re.findall(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())
print(peak, 1024 * int(own[0]))
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
    image = tmp_path / "large.png"
    image.write_bytes(large_png())
    words = [sys.executable, "-c", CODE, str(tmp_path / "data"), str(image)]
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True)
    taken, own = map(int, done.stdout.split()[-2:])
    workers = 2 * 60 * MEBI  # without an image
    assert ONE < taken < 1.2 * ONE + workers
    assert own < 200 * MEBI  # nothing is decoded in the process itself
