"""Write the hash-checked locks in requirements/ anew; needs uv on the PATH.

``python scripts/lock.py`` keeps every version that still fits pyproject.toml;
``python scripts/lock.py --upgrade`` takes the newest. One resolution, dev.txt, covers
everything; the others are held to its versions, so all environments agree.
"""

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COMMON = (
    "--universal",
    "--python-version=3.11",
    "--generate-hashes",
    "--no-emit-index-url",
    "--no-emit-find-links",
    "--custom-compile-command=python scripts/lock.py",
    "--quiet",
)
HELD = "--constraints=requirements/dev.txt"
LOCKS = {
    "dev": ("pyproject.toml", "--group=dev"),
    "serve": ("pyproject.toml", "--group=build", "--extra=postgresql", HELD),
    # The image files alone: what scikit-image computes with would weigh 200 MB.
    "samples": ("--group=samples", "--no-deps", HELD),
    "benchmarks": ("requirements/benchmarks.in", HELD),
}


def main() -> None:
    """Resolve each lock in turn."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--upgrade", action="store_true", help="take newest versions")
    newest = ["--upgrade"] if parser.parse_args().upgrade else []
    uv = shutil.which("uv")
    if uv is None:
        sys.exit("lock.py: uv is not on the PATH: python -m pip install uv")
    for name, sources in LOCKS.items():
        lock = f"requirements/{name}.txt"
        command = [uv, "pip", "compile", *COMMON, *newest, *sources, f"-o{lock}"]
        subprocess.run(command, cwd=ROOT, check=True)
        print(lock)


if __name__ == "__main__":
    main()
