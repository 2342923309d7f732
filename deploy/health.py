"""Reports by its exit code whether the server at a port of this machine is alive.

health.py 44444
"""

import sys
from urllib.request import ProxyHandler, build_opener

TIMEOUT_S = 8.0  # a busy server answers in time, one that hangs does not


def main() -> None:
    """Ask; end with a sentence if there is no answer."""
    url = f"http://127.0.0.1:{int(sys.argv[1])}/healthz"
    # Containers may be configured with a proxy, which can't reach this server.
    opener = build_opener(ProxyHandler({}))
    try:
        opener.open(url, timeout=TIMEOUT_S).close()
    except OSError as error:
        sys.exit(f"no answer from {url}: {error}")


if __name__ == "__main__":
    main()
