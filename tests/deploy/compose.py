"""Reads the compose files: the part of YAML that they keep to, and nothing beyond it.

Mappings, lists of plain values or of mappings, one anchor, comments. Whatever else is
met is an error, so that a file can't come to mean more than the tests see.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_ENTRY = re.compile(r"(?P<key>[\w<-]+):(?: &(?P<anchor>\w+))?(?: (?P<value>.+))?")
_PLAIN = re.compile(r"""[^\s"'&*!|>%@`{}\[\],#?-][^#]*""")
_QUOTED = re.compile(r"""'(?P<single>[^']*)'|"(?P<double>[^"\\]*)\"""")
_ASKED = re.compile(r"\$\{(?P<name>\w+)(?::-(?P<default>[^}]*)|:\?(?P<error>[^}]*))\}")


class _Lines:
    """The lines of a file that say something, each with its depth."""

    def __init__(self, text: str) -> None:
        stripped = (re.sub(r"(^| )\s*#.*", "", line) for line in text.splitlines())
        said = [line.rstrip() for line in stripped if line.strip()]
        self._lines = [(len(line) - len(line.lstrip()), line.strip()) for line in said]
        self.anchors: dict[str, dict[str, Any]] = {}

    @property
    def depth(self) -> int:
        """Of the next line; -1 at the end."""
        return self._lines[0][0] if self._lines else -1

    @property
    def is_item(self) -> bool:
        """Whether the next line is an item of a list."""
        return bool(self._lines) and self._lines[0][1].startswith("- ")

    def take(self) -> str:
        """Return the next line, and leave it behind."""
        return self._lines.pop(0)[1]

    def open_item(self) -> None:
        """Take the dash from an item, so that its content stands by itself."""
        depth, line = self._lines[0]
        self._lines[0] = (depth + 2, line[2:])

    @property
    def is_entry(self) -> bool:
        """Whether the next line is a key, with a value or without."""
        return _ENTRY.fullmatch(self._lines[0][1]) is not None


def read(path: Path) -> dict[str, Any]:
    """Return a compose file as it stands, without what ``${...}`` asks for."""
    lines = _Lines(path.read_text(encoding="utf-8"))
    return _mapping(lines, 0)


def merged(base: Any, more: Any) -> Any:
    """Return what two files mean together, as compose merges them."""
    match base, more:
        case dict(), dict():
            both = {key: merged(base[key], more[key]) for key in base if key in more}
            return base | more | both
        case list(), list():
            return base + more
    return more


def told(value: Any, variables: Mapping[str, str]) -> Any:
    """Return a file with every ``${...}`` replaced by its variable or its default."""

    def one(match: re.Match[str]) -> str:
        name, default = match["name"], match["default"]
        assert name in variables or default is not None, match["error"]
        return variables.get(name, default or "")

    match value:
        case dict():
            return {key: told(each, variables) for key, each in value.items()}
        case list():
            return [told(each, variables) for each in value]
        case str():
            return _ASKED.sub(one, value)
    return value


def _mapping(lines: _Lines, depth: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    while lines.depth == depth and not lines.is_item:
        line = lines.take()
        entry = _ENTRY.fullmatch(line)
        assert entry is not None, f"no key in {line!r}"
        key, value = entry["key"], entry["value"]
        if key == "<<":
            found = lines.anchors[str(value).removeprefix("*")] | found
            continue
        assert key not in found, f"{key} stands twice"
        found[key] = _block(lines, depth) if value is None else _scalar(value)
        if entry["anchor"]:
            lines.anchors[entry["anchor"]] = found[key]
    assert lines.depth < depth, f"{lines.take()!r} stands too deep"
    return found


def _block(lines: _Lines, depth: int) -> Any:
    """Return what stands below a key; ``None`` if nothing does."""
    if lines.depth <= depth:
        return None
    return _list(lines) if lines.is_item else _mapping(lines, lines.depth)


def _list(lines: _Lines) -> list[Any]:
    depth, found = lines.depth, []
    while lines.depth == depth and lines.is_item:
        lines.open_item()
        one = _mapping(lines, lines.depth) if lines.is_entry else _scalar(lines.take())
        found.append(one)
    return found


def _scalar(text: str) -> Any:
    if quoted := _QUOTED.fullmatch(text):
        return quoted["single"] if quoted["single"] is not None else quoted["double"]
    if not text.startswith("--"):  # an option is no dash of YAML's
        assert _PLAIN.fullmatch(text), f"{text!r} is more than this reader knows"
    assert ": " not in text, f"{text!r} needs quotes"
    return {"true": True, "false": False}.get(text, text)
