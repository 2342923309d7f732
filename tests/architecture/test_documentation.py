"""No command, option, route or setting is undocumented."""

import argparse
import json
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from types import UnionType
from typing import Any, get_args
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from pydantic import BaseModel

from ambience import registry
from ambience.cli.parser import build_parser
from ambience.core.settings import Settings
from ambience.web.addresses import API

START_TIMEOUT_S = 60
METHODS = {"get", "put", "post", "patch", "delete"}


def actions(parser: argparse.ArgumentParser) -> Sequence[argparse.Action]:
    return parser._actions  # noqa: SLF001 - argparse has no public list


def commands(
    parser: argparse.ArgumentParser, words: tuple[str, ...] = ()
) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Yield every command with its parser, as in ``("models pull", parser)``."""
    yield " ".join(words), parser
    for action in actions(parser):
        if isinstance(action.choices, Mapping):  # of an action with commands
            for word, child in action.choices.items():
                yield from commands(child, (*words, word))


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield the settings classes inside a field's annotation, bare or optional."""
    if isinstance(annotation, UnionType):
        for part in get_args(annotation):
            yield from models_in(part)
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation


def fields(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Yield the dotted name of every setting, as written in ``ambience.toml``."""
    for name, field in model.model_fields.items():
        inner = list(models_in(field.annotation))
        for table in inner:
            yield from fields(table, f"{prefix}{name}.")
        if not inner:
            yield f"{prefix}{name}"


@pytest.fixture(scope="module")
def manual(root: Path) -> str:
    """README and every page of docs/, as one text."""
    pages = [root / "README.md", *sorted((root / "docs").rglob("*.md"))]
    return "\n".join(page.read_text(encoding="utf-8") for page in pages)


@pytest.fixture(scope="module")
def openapi(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The OpenAPI document as a running server answers it."""
    with closing(socket.create_server(("127.0.0.1", 0))) as probe:
        port = probe.getsockname()[1]
    data = tmp_path_factory.mktemp("data")
    code = "from ambience.cli import main; import sys; sys.exit(main())"
    options = ["serve", "--port", str(port), "--data", str(data)]
    with subprocess.Popen([sys.executable, "-c", code, *options]) as server:
        try:
            return fetched(f"http://127.0.0.1:{port}/openapi.json", server)
        finally:
            server.terminate()


def fetched(url: str, server: "subprocess.Popen[bytes]") -> dict[str, Any]:
    """Return the JSON document at ``url``, once the server answers."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while True:
        try:
            with urlopen(url, timeout=START_TIMEOUT_S) as answer:  # noqa: S310 - ours
                document: dict[str, Any] = json.load(answer)
                return document
        except URLError:
            assert server.poll() is None, "the server ended"
            assert time.monotonic() < deadline, "the server does not answer"
            time.sleep(0.1)


def names(text: str, wanted: str) -> bool:
    """Whether ``text`` holds ``wanted`` as whole words."""
    return re.search(rf"(?<![\w-]){re.escape(wanted)}(?![\w-])", text) is not None


def shows(page: str, *wanted: str) -> bool:
    """Whether a page shows one of ``wanted`` as code, with or without a query."""
    return any(re.search(rf"`{re.escape(code)}[`?]", page) for code in wanted)


def test_every_command_is_documented(manual: str) -> None:
    words = [name for name, _ in commands(build_parser()) if name]
    assert "serve" in words
    assert [name for name in words if not names(manual, f"ambience {name}")] == []


def test_every_option_is_documented(manual: str) -> None:
    options = {
        option
        for _, parser in commands(build_parser())
        for action in actions(parser)
        for option in action.option_strings
        if option.startswith("--") and option != "--help"
    }
    assert "--data" in options
    assert sorted(option for option in options if not names(manual, option)) == []


def test_every_route_is_documented(root: Path, openapi: dict[str, Any]) -> None:
    page = (root / "docs" / "http.md").read_text(encoding="utf-8")
    routes = {
        f"{method.upper()} {path}"
        for path, operations in openapi["paths"].items()
        for method in operations.keys() & METHODS
    }
    assert "POST /api/reverse_search" in routes
    # The routes of a service may be documented once, for every service.
    room = re.compile(rf" {API}/({'|'.join(registry.BUILTIN)})(?=/|$)")
    one = f" {API}/{{service}}"
    missing = [r for r in routes if not shows(page, r, room.sub(one, r))]
    assert sorted(missing) == []


def test_every_setting_is_documented(root: Path) -> None:
    page = (root / "docs" / "settings.md").read_text(encoding="utf-8")
    assert [name for name in fields(Settings) if not shows(page, name)] == []


@pytest.mark.parametrize("service", sorted(registry.BUILTIN))
def test_every_setting_of_a_service_is_documented(root: Path, service: str) -> None:
    page = (root / "docs" / "settings.md").read_text(encoding="utf-8")
    settings = list(fields(registry.load(service).settings))
    assert "url" in settings
    # What every service has may be documented once, for every service.
    assert [
        name
        for name in settings
        if not shows(page, f"services.{service}.{name}", f"services.<name>.{name}")
    ] == []
