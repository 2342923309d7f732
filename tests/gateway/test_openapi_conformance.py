"""Every route keeps to its OpenAPI document, whatever that lets somebody ask."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI
from schemathesis.config import (
    ChecksConfig,
    GenerationConfig,
    PhasesConfig,
    PositiveDataAcceptanceConfig,
    ProjectConfig,
    ProjectsConfig,
    SchemathesisConfig,
    StatefulPhaseConfig,
)
from schemathesis.engine import events, from_schema
from schemathesis.engine.recorder import ScenarioRecorder
from schemathesis.generation import GenerationMode
from schemathesis.schemas import BaseSchema

from ambience import gallery
from tests.drawing import drawn_image, encode
from tests.gateways import gateway_app
from tests.library import opened_library, write_images

IMAGE = encode(drawn_image(1, (60, 80)))
# The original says 500 to what is wrong, and passes over what it does not know.
NOT_ITS_RULES = {
    "not_a_server_error",
    "positive_data_acceptance",
    "negative_data_rejection",
}
EXAMPLES = 3  # of each route, besides some 1,500 that it makes of bounds and types


@pytest.fixture
def app(tmp_path: Path) -> Iterator[FastAPI]:
    """All there is, over a small library."""
    write_images(tmp_path / "photos", 4)
    with opened_library(tmp_path / "data", limits={"max_file_mib": 1}) as library:
        library.add_folder(tmp_path / "photos")
        app = gateway_app(library, legacy_routes=True, legacy_file_names=True)
        app.include_router(gallery.pages(lambda: None))
        yield app


def schema_of(app: FastAPI) -> BaseSchema:
    """Return an application's document, as it is asked by."""
    project = ProjectConfig(
        generation=GenerationConfig(
            max_examples=EXAMPLES, deterministic=True, database="none"
        ),
        # No document can say that exactly one of two is to be given, or what bytes
        # are an image.
        checks=ChecksConfig(
            positive_data_acceptance=PositiveDataAcceptanceConfig(
                expected_statuses=["2xx", "404", "415", "422"]
            )
        ),
        phases=PhasesConfig(stateful=StatefulPhaseConfig(enabled=False)),
        continue_on_failure=True,
    )
    config = SchemathesisConfig(seed=1, projects=ProjectsConfig(default=project))
    schema = schemathesis.openapi.from_asgi("/openapi.json", app, config=config)

    @schema.hook
    def map_case(_: Any, case: schemathesis.Case[Any]) -> schemathesis.Case[Any]:
        right = case.meta and case.meta.generation.mode is GenerationMode.POSITIVE
        body: Any = case.body
        if right and isinstance(body, dict) and "image" in body:
            body["image"] = IMAGE
            if case.path.endswith("/search"):  # which takes one of two
                body.pop("radius", None)
                case.query = {"k": 5}
        return case

    return schema


def test_every_answer_is_as_the_document_says(app: FastAPI) -> None:
    originals = {
        f"POST {path}"
        for path, operations in app.openapi()["paths"].items()
        if "legacy" in operations.get("post", {}).get("tags", ())
    }
    found: list[str] = []
    asked: dict[str, set[int]] = {}
    for event in from_schema(schema_of(app)).execute():
        match event:
            case events.ScenarioFinished(recorder=recorder):
                statuses = asked.setdefault(recorder.label, set())
                found += failures(recorder, originals=recorder.label in originals)
                for interaction in recorder.interactions.values():
                    assert interaction.response is not None
                    statuses.add(interaction.response.status_code)
            case events.NonFatalError() | events.FatalError():
                found.append(str(event))
    assert found == [], "\n\n".join(found)
    routes = {
        f"{method.upper()} {path}"
        for path, operations in app.openapi()["paths"].items()
        for method in operations
    }
    assert asked.keys() == routes
    answered = [route for route in routes if {200, 204} & asked[route]]
    assert len(answered) > len(routes) / 2  # it does not only ask what is refused


def failures(recorder: ScenarioRecorder, *, originals: bool) -> Iterator[str]:
    """Yield what is wrong about the answers of a route, by our rules or its own."""
    for checks in recorder.checks.values():
        for check in checks:
            if originals and check.name in NOT_ITS_RULES:
                continue
            if check.failure_info is not None:
                failure, sample = check.failure_info.failure, check.failure_info
                yield f"{recorder.label}: {failure}\n{sample.code_sample[:500]}"
