"""How fast the original's routes are answered, beside the original's own way.

    python benchmarks/legacy.py --images ~/Pictures

The folder is imported once, for hashes and colors. Copies of that library are then
served by each service alone, by one process with the gateway, and by a gateway whose
services run elsewhere; `legacy_original.py` serves the same images in the original's
way. All are asked in turn, by eight callers; rates are medians of the rounds, which
begin with one that is not counted. "Its CPU" is the processor time a request of the
process that is asked, without those that decode for it. "Sender's CPU" says how much of
one processor it took to send: near 1, the sender is what was measured.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from gateway import MAIN, Server, measure, running, serving, smaller
from gateway_load import post, post_json
from tables import print_table

SERVICES = ("phash", "color")
CALLERS = 8
K = 20
SIDE = 4096  # pixels: larger than any photograph, which is sent recompressed
QUERIES = 64  # different images and ids
LEGACY = {
    "AMBIENCE_LEGACY_ROUTES": "true",
    "AMBIENCE_ENABLED": '["phash", "color"]',
    "OMP_NUM_THREADS": "1",
}


def asked(
    paths: list[Path], options: argparse.Namespace
) -> dict[str, tuple[str, list[bytes], int]]:
    """Return by row: which service is asked, with what, and how often."""
    ids = range(1, QUERIES + 1)
    images = [smaller(path, SIDE, 90) for path in paths[:QUERIES]]
    by_id, by_image = "_get_similar_images_by_id", "_get_similar_images_by_image_buffer"
    return {
        f"{service} {what}": (service, requests, count)
        for service in SERVICES
        for what, requests, count in (
            (
                "by id",
                [post_json(f"/{service}{by_id}", image_id=i, k=K) for i in ids],
                options.count,
            ),
            (
                "by image",
                [post(f"/{service}{by_image}", image, k=str(K)) for image in images],
                options.count // 4,
            ),
        )
    }


def duplicates(paths: list[Path]) -> list[bytes]:
    """Return what asks the gateways for duplicates."""
    return [
        post("/reverse_search", smaller(path, SIDE, 90), find_duplicate="1")
        for path in paths[:QUERIES]
    ]


def table(
    servers: Mapping[str, Server],
    alone: Mapping[str, Server],
    paths: list[Path],
    options: argparse.Namespace,
) -> None:
    """Print the rates of all, and the ratios to the original's."""
    rows = []
    plans = {
        what: ({**servers, "alone": alone[service]}, requests, count)
        for what, (service, requests, count) in asked(paths, options).items()
    }
    gateways = {name: one for name, one in servers.items() if name != "original"}
    plans["find_duplicate"] = (gateways, duplicates(paths), options.count // 4)
    for what, (who, requests, count) in plans.items():
        found = measure(
            who, requests, rounds=options.rounds, count=count, callers=CALLERS
        )
        first = found.get("original")
        for name, one in found.items():
            rows.append(
                [
                    what,
                    name,
                    f"{one.rate:,.0f}",
                    "" if first is None else f"{one.rate / first.rate:.2f}",
                    f"{one.percentile_ms(50):.1f}",
                    f"{statistics.median(one.cpu_ms):.2f}",
                    f"{one.own_cpu:.2f}",
                ]
            )
    headings = [
        *("request", "asked", "a second", "of original", "p50 ms", "its CPU ms"),
        "sender's CPU",
    ]
    print_table(headings, rows)


def main() -> None:
    """Import the folder, start everything and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--folder", type=Path, help="where libraries are written")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--count", type=int, default=1600, help="requests a round")
    options = parser.parse_args()
    paths = sorted(p for p in options.images.iterdir() if p.suffix.lower() == ".jpg")
    os.environ.update(LEGACY)
    with tempfile.TemporaryDirectory(dir=options.folder) as name, ExitStack() as stack:
        one = Path(name, "one")
        command = [*MAIN, "import", str(options.images), "--data", str(one), "--json"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        alone, environment = {}, {}
        for service in SERVICES:
            data = Path(name, service)
            shutil.copytree(one, data)
            alone[service] = stack.enter_context(running(serving(data, service)))
            environment[f"AMBIENCE_SERVICES__{service.upper()}__URL"] = alone[
                service
            ].url
        split = Path(name, "split")
        shutil.copytree(one, split)
        original = Path(__file__).with_name("legacy_original.py")
        servers = {
            "original": stack.enter_context(
                running(
                    [sys.executable, str(original), "--images", str(options.images)]
                )
            ),
            "gateway": stack.enter_context(running(serving(one))),
            "gateway, elsewhere": stack.enter_context(
                running(serving(split), **environment)
            ),
        }
        print(f"{len(paths)} images, {os.cpu_count()} processors\n")
        table(servers, alone, paths, options)


if __name__ == "__main__":
    main()
