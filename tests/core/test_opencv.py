"""OpenCV loads once, however many threads ask for it at first."""

import subprocess
import sys

MANY = """
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from ambience.core.opencv import opencv

together = Barrier(8)

def load(_):
    together.wait()
    return opencv().__name__

with ThreadPoolExecutor(8) as pool:
    assert set(pool.map(load, range(8))) == {"cv2"}
"""


def test_threads_that_first_need_it_at_once_all_get_it() -> None:
    for _ in range(3):
        run = subprocess.run(
            [sys.executable, "-c", MANY], check=False, capture_output=True, text=True
        )
        assert run.returncode == 0, run.stderr
