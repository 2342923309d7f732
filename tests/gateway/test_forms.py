"""A form field that nobody reads is named, not ignored."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from ambience import registry
from tests.drawing import drawn_image, encode

IMAGE = encode(drawn_image(1, (60, 80)))


@pytest.fixture
def document(client: TestClient) -> dict[str, Any]:
    """The OpenAPI document."""
    document: dict[str, Any] = client.get("/openapi.json").json()
    return document


def forms(document: dict[str, Any]) -> dict[tuple[str, str], list[str]]:
    """Return the documented form fields, by method and path."""
    found: dict[tuple[str, str], list[str]] = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            for content in operation.get("requestBody", {}).get("content", {}).values():
                name = content["schema"]["$ref"].rpartition("/")[2]
                fields = document["components"]["schemas"][name]["properties"]
                found[method, path] = list(fields)
    return found


def test_every_form_names_what_it_takes(
    client: TestClient, document: dict[str, Any]
) -> None:
    assert len(forms(document)) == 2 + 2 * len(registry.BUILTIN)
    for (method, path), fields in forms(document).items():
        answer = client.request(
            method,
            path.format(image_id=9),
            files={"image": IMAGE},
            data={"servces": "phash", "crop": "0,0,9,9"},
        )
        assert answer.status_code == 422, path
        said, _, known = answer.json()["detail"].partition("; this takes ")
        assert said == "unknown: servces, crop"
        assert sorted(known.split(", ")) == sorted(fields)
    assert client.get("/api/images/9").status_code == 404


def test_a_long_list_is_cut_short(client: TestClient) -> None:
    data = {f"field{number}": "x" for number in range(7)} | {"image": "x"}
    detail = client.post("/api/reverse_search", data=data).json()["detail"]
    assert detail.startswith(
        "unknown: field0, field1, field2, field3, field4, 2 more; this"
    )


def test_a_field_given_twice_is_refused(client: TestClient) -> None:
    twice = [("image", IMAGE), ("image", IMAGE)]
    answers = [
        client.post("/api/reverse_search", files=twice),
        client.put("/api/images/9", files=twice),
        client.post(
            "/api/phash/search", files={"image": IMAGE}, data={"k": ["1", "5"]}
        ),
    ]
    for answer, field in zip(answers, ["image", "image", "k"], strict=True):
        assert answer.status_code == 422
        assert answer.json()["detail"] == f"given more than once: {field}"
