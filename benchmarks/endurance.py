"""Whether what a server takes up stays flat under a mixed load, for as long as told.

    python -m benchmarks.endurance --minutes 60

A server with an empty library of its own gets the load of ``tests/endurance.py``: in
bursts, 40 callers browse, look, search, put, delete, send what is no image, and go away
in the middle. The table has a row a minute: file descriptors, threads and memory of the
server and of its children, taken between two bursts, the requests a second, and how
many answers had which status. Memory is the processes' own, without mapped files. The
last line compares the end with what there was after the first tenth of the time.
"""

import argparse
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.endurance import CALLERS, MixedLoad, Outcomes, Usage, usage
from tests.server import Server, serving

REQUESTS = 5  # kinds of requests of one caller in a burst
PAUSE_S = 2.0  # between two bursts: connections are closed then
ROW_S = 60.0
ROW = "{:>5} {:>7} {:>5} {:>8} {:>7} {:>10} {:>9} {:>6} {:>7} {:>9}   {}"


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--callers", type=int, default=CALLERS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        with serving(data) as (server, client):
            client.close()
            run(server, minutes=options.minutes, callers=options.callers)
            print(f"\nthe log has {len(server.log)} characters; exit {server.stop()}")


def run(server: Server, *, minutes: float, callers: int) -> None:
    """Load a server, and print what it takes up."""
    load = MixedLoad(server.url)
    load.fill()
    head = ("min", "req/s", "files", "threads", "MiB", "children", "files", "thr.")
    print(ROW.format(*head, "MiB", "bursts", "answers by status"))
    start = row_start = time.monotonic()
    row: Outcomes = Counter()
    bursts = 0
    seen: list[tuple[float, Usage]] = []
    while (now := time.monotonic()) - start < 60 * minutes:
        row += load.burst(callers=callers, requests=REQUESTS)
        bursts += 1
        time.sleep(PAUSE_S)
        if time.monotonic() - row_start < ROW_S:
            continue
        own, children = usage(server.process)
        now = time.monotonic()
        seen.append((now - start, own))
        print(
            ROW.format(
                round((now - start) / 60),
                round(row.total() / (now - row_start), 1),
                *(own.descriptors, own.threads, round(own.memory_mib)),
                len(server.process.children(recursive=True)),
                *(children.descriptors, children.threads, round(children.memory_mib)),
                bursts,
                statuses(row),
            ),
            flush=True,
        )
        row, row_start, bursts = Counter(), now, 0
    if seen:
        first = next(own for at, own in seen if at >= 0.1 * seen[-1][0])
        last = seen[-1][1]
        print(
            f"\nsince the first tenth: {last.descriptors - first.descriptors:+} files, "
            f"{last.threads - first.threads:+} threads, "
            f"{last.memory_mib - first.memory_mib:+.0f} MiB"
        )


def statuses(outcomes: Outcomes) -> str:
    """Return how many answers had which status; 0: the client had gone."""
    counts = Counter[int]()
    for (_, status), number in outcomes.items():
        counts[status] += number
    return ", ".join(f"{status}: {counts[status]}" for status in sorted(counts))


if __name__ == "__main__":
    main()
