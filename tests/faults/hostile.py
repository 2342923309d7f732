"""A server under attack, and what it must answer."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from tests.drawing import drawn_image, encode
from tests.server import Server

MEBI = 2**20
LIMIT_MIB = 8  # of an upload
MAX_GROWTH = 200 * MEBI  # of the server's memory, over all that is sent here

PIXELS = drawn_image(1, (60, 80))
PNG, JPEG = encode(PIXELS), encode(PIXELS, "JPEG")
ROUTES = [
    ("PUT", "/api/images/7"),
    ("PUT", "/api/color/images/7"),
    ("POST", "/api/reverse_search"),
    ("POST", "/api/phash/search?k=5"),
]


@dataclass
class Target:
    """The server under attack, and what it takes up before that."""

    server: Server
    client: httpx2.Client
    folder: Path
    usual: int

    def peak_bytes(self) -> int:
        """The most memory that the server has had."""
        status = Path(f"/proc/{self.server.process.pid}/status")
        if not status.exists():
            return int(self.server.process.memory_info().rss)
        peak = re.search(r"VmHWM:\s+(\d+) kB", status.read_text())
        assert peak is not None
        return int(peak[1]) * 1024

    def check_well(self) -> None:
        """Check that it works as before, and has not grown."""
        answer = self.client.post("/api/reverse_search", files={"image": PNG})
        assert answer.is_success
        assert self.client.get("/readyz").is_success
        assert self.peak_bytes() - self.usual < MAX_GROWTH


def check_problem(answer: httpx2.Response, *statuses: int) -> str:
    """Check that an answer is a problem document; return its sentence."""
    body: dict[str, Any] = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert body["status"] == answer.status_code
    assert body["title"]
    assert len(body["detail"].split()) > 2, body
    assert answer.status_code in (statuses or range(400, 500)), body
    return str(body["detail"])
