"""Only rooms, the registry and the original's routes name a service."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from ambience import registry

# Where no service is named: the floors below the rooms, and the gateway.
NAMELESS = ("core", "catalog", "imaging", "fusion", "engine", "service", "gateway")
EXAMPLES = {"gateway/routes/schemas.py"}  # shows in the documents what answers are like


def texts(file: Path) -> Iterator[tuple[int, str]]:
    """Yield the strings of a source file that are no docstrings, and its names."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    docstrings = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=str(text)) if id(node) not in docstrings:
                yield node.lineno, text
            case ast.Name(id=text):
                yield node.lineno, text


def named(text: str, service: str) -> bool:
    """Whether a string is a service's name, or speaks of one by an unmistakable one."""
    if text == service:
        return True
    unmistakable = service != "color"  # which is a word
    return unmistakable and re.search(rf"\b{service}\b", text) is not None


@pytest.mark.parametrize("floor", NAMELESS)
def test_no_floor_below_the_rooms_and_no_gateway_names_a_service(
    root: Path, floor: str
) -> None:
    package = root / "src" / "ambience"
    files = sorted((package / floor).rglob("*.py"))
    assert files
    found = [
        f"{file.relative_to(package)}:{line}: {text}"
        for file in files
        if "legacy" not in file.parts and str(file.relative_to(package)) not in EXAMPLES
        for line, text in texts(file)
        for service in registry.BUILTIN
        if named(text, service)
    ]
    assert found == []


def test_the_search_for_names_finds_them(root: Path) -> None:
    legacy = root / "src" / "ambience" / "gateway" / "legacy"
    found = {
        service
        for file in legacy.glob("*.py")
        for _, text in texts(file)
        for service in registry.BUILTIN
        if named(text, service)
    }
    assert found == set(registry.BUILTIN)
