"""Each heavy library is imported by the part that owns it, and by nobody else."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

OWNERS = {
    "alembic": "catalog/migration.py catalog/migrations/**/*.py",
    "anyio": (
        "remote/transport.py remote/upstream.py gateway/proxy.py gateway/upload.py "
        "web/head_requests.py"
    ),
    "PIL": "imaging/* imaging/edits/* imaging/families/*",
    "pillow_heif": "imaging/*",
    "cv2": "core/opencv.py",
    "faiss": "engine/embedded/**/faiss_*.py",
    "fastapi": "web/* gateway/**/* gallery/*",
    "filelock": "catalog/* cli/* engine/embedded/store/* ingest/* service/*",
    "h11": "cli/client_connections.py",
    "httpx2": ("remote/*.py gateway/proxy.py ingest/fetching/fetcher.py"),
    "lmdb": "engine/embedded/store/*",
    "onnxruntime": "services/*/model.py",
    "platformdirs": "core/settings.py library/*",
    "prometheus_client": "web/* gateway/*",
    "psycopg": "",
    "rich": "cli/*",
    "sqlalchemy": "catalog/**/*.py",
    "sqlite3": "catalog/sqlite.py catalog/readonly_file.py",
    "starlette": "web/* gateway/**/* gallery/* remote/upstream.py",
    "uvicorn": "cli/*",
}


def imported(file: Path) -> Iterator[str]:
    """Yield the top-level names of everything a source file imports, anywhere in it."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        match node:
            case ast.Import(names=names):
                yield from (alias.name.partition(".")[0] for alias in names)
            case ast.ImportFrom(module=str(module)):
                yield module.partition(".")[0]


@pytest.mark.parametrize("library", sorted(OWNERS))
def test_only_its_owner_imports_a_library(root: Path, library: str) -> None:
    package = root / "src" / "ambience"
    owned = {file for glob in OWNERS[library].split() for file in package.glob(glob)}
    importers = {file for file in package.rglob("*.py") if library in imported(file)}
    strangers = sorted(str(file.relative_to(root)) for file in importers - owned)
    assert not strangers, f"{library} belongs to {OWNERS[library]}"
