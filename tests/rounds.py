"""How long tests go on that could do so forever: longer with ``AMBIENCE_SLOW=1``."""

import os

# ambience refuses variables with its prefix that it does not know: tests that run it,
# in this process or another, have this one under another name.
if "AMBIENCE_SLOW" in os.environ:
    os.environ["SLOW_TESTS"] = os.environ.pop("AMBIENCE_SLOW")

SLOW = os.environ.get("SLOW_TESTS", "0") != "0"


def rounds(usual: int, *, slow: int) -> int:
    """Return how often a test repeats something: as usual, or in its long form."""
    return slow if SLOW else usual
