"""Says by its exit code whether the server at a port of this machine is alive.

health.py 44444
"""

import sys
from urllib.request import ProxyHandler, build_opener

TIMEOUT_S = 8.0  # a busy server answers within it, one that hangs never


def main() -> None:
    """Ask; end with a sentence if there is no answer."""
    url = f"http://127.0.0.1:{int(sys.argv[1])}/healthz"
    # Containers may be told of a proxy, which does not know the way back in here.
    opener = build_opener(ProxyHandler({}))
    try:
        opener.open(url, timeout=TIMEOUT_S).close()
    except OSError as error:
        sys.exit(f"no answer from {url}: {error}")


if __name__ == "__main__":
    main()
