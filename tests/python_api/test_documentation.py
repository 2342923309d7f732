"""The examples of the page about Python run as they stand."""

import re
import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest

EXAMPLE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PICTURES = ("astronaut.png", "chelsea.png", "coffee.png")


def test_the_examples_run(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = find_spec("skimage")
    assert package is not None
    assert package.origin is not None
    (tmp_path / "pictures").mkdir()
    for name in PICTURES:
        shutil.copy(Path(package.origin).parent / "data" / name, tmp_path / "pictures")
    monkeypatch.chdir(tmp_path)
    page = (root / "docs" / "python.md").read_text(encoding="utf-8")
    examples = EXAMPLE.findall(page)
    assert len(examples) > 5
    names: dict[str, object] = {}
    for example in examples:
        exec(compile(example, "docs/python.md", "exec"), names)  # noqa: S102 -- our own
