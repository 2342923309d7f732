"""The locks are hash-checked, complete, and bound to no package index."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
ADDRESS = re.compile(r"\w+://|^\s*--(?!hash)|\s@\s|^-", re.MULTILINE)


def pins(lock: Path) -> dict[str, set[str]]:
    """Return the versions a lock pins, by package."""
    text = lock.read_text(encoding="utf-8")
    found: dict[str, set[str]] = {}
    for package, version in re.findall(r"^([\w.-]+)==([\w.!+-]+)", text, re.MULTILINE):
        found.setdefault(package, set()).add(version)
    return found


def names(requirements: list[str]) -> set[str]:
    """Return the package names of requirement strings."""
    return {re.split(r"[\[<>=~! ;]", line, maxsplit=1)[0] for line in requirements}


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_a_lock_names_no_address(lock: Path) -> None:
    code = re.sub(r"#.*", "", lock.read_text(encoding="utf-8"))
    assert pins(lock)
    assert not ADDRESS.findall(code)


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_every_pin_carries_hashes(lock: Path) -> None:
    text = re.sub(r"\s*#.*", "", lock.read_text(encoding="utf-8"))
    entries = text.replace("\\\n", " ").splitlines()
    assert [e for e in entries if e and " --hash=sha256:" not in e] == []


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_locks_agree_on_versions(lock: Path) -> None:
    dev, other = pins(ROOT / "requirements" / "dev.txt"), pins(lock)
    assert {p: other[p] for p in other if p in dev and other[p] != dev[p]} == {}


def test_locks_cover_what_the_project_declares() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        declared = tomllib.load(file)
    groups = declared["dependency-groups"]
    runtime = names(declared["project"]["dependencies"]) | names(groups["build"])
    tools = {
        line
        for group in groups.values()
        for line in names([entry for entry in group if isinstance(entry, str)])
    }
    assert runtime <= set(pins(ROOT / "requirements" / "serve.txt"))
    assert runtime | tools <= set(pins(ROOT / "requirements" / "dev.txt"))
    assert names(groups["samples"]) == set(pins(ROOT / "requirements" / "samples.txt"))
