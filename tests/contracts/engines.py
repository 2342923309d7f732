"""The engines that every contract of collections is tested on."""

from collections.abc import Callable
from pathlib import Path

from ambience.engine import Engine
from ambience.engine.embedded.embedded_engine import EmbeddedEngine
from tests.engine.memory_engine import MemoryEngine

OpenedEngine = Callable[[], Engine]
"""Returns an engine over one and the same place, as a restart does."""


def embedded(folder: Path) -> OpenedEngine:
    return lambda: EmbeddedEngine(folder)


def in_memory(_: Path) -> OpenedEngine:
    engine = MemoryEngine()
    return lambda: engine


ENGINES: dict[str, Callable[[Path], OpenedEngine]] = {
    "embedded": embedded,
    "memory": in_memory,
}
