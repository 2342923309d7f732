"""Heavy libraries stay out of a process that does not use them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ambience import registry
from tests.library import write_images

# Not lmdb: the store needs it, and it loads in 2 ms.
ALWAYS_HEAVY = frozenset(
    {"PIL", "cv2", "faiss", "onnxruntime", "pillow_heif", "scipy", "skimage", "torch"}
)
COMMAND_LINE_HEAVY = ALWAYS_HEAVY | {
    "alembic",
    "fastapi",
    "httpx2",
    "lmdb",
    "numpy",
    "prometheus_client",
    "pydantic",
    "pydantic_settings",
    "rich",
    "sqlalchemy",
    "sqlite3",
    "starlette",
    "uvicorn",
}


def awake_after(code: str, *arguments: str) -> set[str]:
    """Return the top-level modules loaded after ``code`` ran in a fresh process."""
    report = "import sys; print(*{name.partition('.')[0] for name in sys.modules})"
    run = subprocess.run(
        [sys.executable, "-c", f"{code}\n{report}", *arguments],
        capture_output=True,
        text=True,
        check=True,
        # Measuring coverage loads sqlite3 itself.
        env={key: value for key, value in os.environ.items() if "COVERAGE" not in key},
    )
    return set(run.stdout.split())


def test_the_probe_sees_a_library_that_is_awake() -> None:
    assert "lmdb" in awake_after("import lmdb")


def test_the_command_line_loads_no_heavy_library() -> None:
    assert not awake_after("import ambience.cli") & COMMAND_LINE_HEAVY


def test_the_parser_loads_no_heavy_library() -> None:
    code = "from ambience.cli.parser import build_parser; build_parser()"
    assert not awake_after(code) & COMMAND_LINE_HEAVY


@pytest.mark.parametrize("name", sorted(registry.BUILTIN))
def test_declaring_a_service_loads_no_heavy_library(name: str) -> None:
    code = f"from ambience import registry; registry.load({name!r})"
    assert not awake_after(code) & ALWAYS_HEAVY


def test_help_is_printed_and_names_the_commands() -> None:
    code = "from ambience.cli import main; main(['--help'])"
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0
    assert run.stderr == ""
    assert {"serve", "import", "search"} <= set(run.stdout.replace(",", " ").split())


SEARCH = """
import sys
from pathlib import Path
from ambience.cli import main
from ambience.core.settings import load_settings
from ambience.library.library import Library
import ambience.remote.remote_service, ambience.sync, ambience.search.reverse_search
photo = Path(sys.argv[1])
with Library.of(load_settings(data=photo.parent / "data")) as library:
    assert library.add_folder(photo).added == 1
    assert library.search(photo, k=1)[0].score > 0.9
assert main(["search", str(photo), "--data", str(photo.parent / "data")]) == 0
"""


def test_a_search_without_a_server_loads_no_web_framework(tmp_path: Path) -> None:
    (photo,) = write_images(tmp_path / "photos", 1)
    assert not awake_after(SEARCH, str(photo)) & {"fastapi", "starlette", "uvicorn"}
