"""Asks a gateway for a reverse search, as a client does."""

from typing import Any

from starlette.testclient import TestClient


def asked(client: TestClient, **form: Any) -> dict[str, Any]:
    """Return what a search answers."""
    files = {"image": form.pop("image")} if "image" in form else None
    said = client.post("/api/reverse_search", data=form, files=files)
    assert said.status_code == 200, said.text
    body: dict[str, Any] = said.json()
    return body


def refused(client: TestClient, **form: Any) -> tuple[int, str]:
    """Return the status and the sentence that a search is refused with."""
    files = {"image": form.pop("image")} if "image" in form else None
    said = client.post("/api/reverse_search", data=form, files=files)
    assert said.headers["content-type"] == "application/problem+json"
    return said.status_code, said.json()["detail"]


def ids(body: dict[str, Any]) -> list[int]:
    return [match["image_id"] for match in body["matches"]]
