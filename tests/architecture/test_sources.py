"""Rules that every source file keeps."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LONGEST = 400  # lines; past that a file is more than one thing
MODULES = sorted((ROOT / "src" / "ambience").rglob("*.py"))
SOURCES = sorted(
    file
    for folder in ("src", "tests", "scripts", "benchmarks", "deploy")
    for kind in ("*.py", "*.js", "*.css", "*.html")
    for file in (ROOT / folder).rglob(kind)
)


def name(file: Path) -> str:
    """Return how a test names a file."""
    return file.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("module", MODULES, ids=name)
def test_a_module_opens_with_one_sentence(module: Path) -> None:
    docstring = ast.get_docstring(ast.parse(module.read_text(encoding="utf-8"))) or ""
    summary = docstring.partition("\n\n")[0]
    assert summary.endswith((".", ":", "?")), "its docstring is missing or no sentence"
    assert "\n" not in summary, "the first sentence takes one line"


def test_no_source_file_is_too_long() -> None:
    lengths = {
        name(file): len(file.read_text(encoding="utf-8").splitlines())
        for file in [*SOURCES, ROOT / "bootstrap.py"]
    }
    assert lengths
    assert {file: n for file, n in lengths.items() if n > LONGEST} == {}
