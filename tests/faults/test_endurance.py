"""What a server takes up does not grow with what it has done.

An hour of the same load: ``python -m benchmarks.endurance --minutes 60``.
"""

import time
from collections import Counter
from pathlib import Path

from tests.endurance import MixedLoad, Usage, usage
from tests.rounds import rounds
from tests.server import MAIN, START_S, Server, serving

WARM_UP, BURSTS = 2, rounds(2, slow=12)  # of 40 callers; a burst takes some seconds
REQUESTS = 3  # kinds of requests of one caller in a burst, one to five of each
PAUSE_S = 0.5

# As in use, but for threads that end when they had nothing to do for a tenth of a
# second, in place of ten: so each burst meets new ones.
SHORT_LIVED = (
    "from anyio._backends._asyncio import WorkerThread\n"
    f"WorkerThread.MAX_IDLE_TIME = 0.1\n{MAIN}"
)

# A snapshot, a lock or a thumbnail may just be open. A connection to the catalog for
# each thread would be hundreds at the end.
MORE_DESCRIPTORS = 8
# Threads that ask services come when they are first needed, eight for each of three.
MORE_THREADS = 24
# What malloc keeps for later still grows a little after the warm-up. Were the large
# images kept that are sent, it would be 100 MiB.
MORE_MIB = 64.0


def at_rest(server: Server, most: int) -> tuple[Usage, Usage]:
    """Return what a server takes up once its connections are closed."""
    deadline = time.monotonic() + START_S
    while True:
        own, children = usage(server.process)
        if own.descriptors <= most or time.monotonic() > deadline:
            return own, children
        time.sleep(0.1)


def test_descriptors_threads_and_memory_are_flat(tmp_path: Path) -> None:
    with serving(tmp_path / "data", code=SHORT_LIVED) as (
        server,
        client,
    ):
        client.close()
        idle = usage(server.process)[0].descriptors
        load = MixedLoad(server.url)
        load.fill()
        outcomes = Counter[tuple[str, int]]()
        for _ in range(WARM_UP):
            outcomes += load.burst(requests=REQUESTS)
            time.sleep(PAUSE_S)
        before, children_before = at_rest(server, idle + MORE_DESCRIPTORS)
        for _ in range(BURSTS):
            outcomes += load.burst(requests=REQUESTS)
            time.sleep(PAUSE_S)
        after, children_after = at_rest(server, before.descriptors + MORE_DESCRIPTORS)

        assert before.descriptors <= idle + MORE_DESCRIPTORS
        assert after.descriptors <= before.descriptors + MORE_DESCRIPTORS
        assert after.threads <= before.threads + MORE_THREADS
        assert after.memory_mib <= before.memory_mib + MORE_MIB
        assert children_after.descriptors <= children_before.descriptors + 8
        assert children_after.threads <= children_before.threads + 8
        assert children_after.memory_mib <= children_before.memory_mib + MORE_MIB
        refused = {kind: n for kind, n in outcomes.items() if kind[1] >= 500}
        assert refused == {}
        kinds = {kind for kind, _ in outcomes}
        assert len(kinds) == 9
        assert "Traceback" not in server.log
        assert server.stop() == 0
