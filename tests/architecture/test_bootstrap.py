"""The first command of the README asks nothing of a machine but Python."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.test_owners import imported

BARE = (  # run before anything is installed, or without it
    "bootstrap.py",
    "deploy/health.py",
    "scripts/system_program.py",
)


@pytest.mark.parametrize("script", BARE)
def test_a_script_for_bare_python_imports_the_standard_library_only(
    root: Path, script: str
) -> None:
    assert set(imported(root / script)) <= sys.stdlib_module_names


def test_an_old_python_gets_as_far_as_the_sentence_about_its_age(root: Path) -> None:
    source = (root / "bootstrap.py").read_text(encoding="utf-8")
    ast.parse(source, feature_version=(3, 7))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["serve", "no such folder"], "there is no folder no such folder"),
        (["serve", "--port", "8000"], 'options for ambience follow a "--"'),
        (["serve", "one", "two"], "serve takes one folder"),
    ],
    ids=["missing folder", "misplaced option", "two folders"],
)
def test_a_mistake_ends_in_a_sentence_before_anything_is_installed(
    root: Path, arguments: list[str], sentence: str
) -> None:
    run = subprocess.run(
        [sys.executable, root / "bootstrap.py", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 1
    assert run.stdout == ""
    assert sentence in run.stderr
