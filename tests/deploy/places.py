"""Where the deployment's files are, and what is read from them."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ambience import registry
from ambience.core.settings import Settings
from tests.deploy.compose import merged, read, told

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
SETTINGS = sorted((DEPLOY / "settings").glob("*.toml"))
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
DEFAULTS = Settings.model_fields
GATEWAY = "ambience"  # the container that is published
ENABLED = tuple(registry.BUILTIN)
PORTS = {name: registry.load(name).port for name in ENABLED}


def containers(*, split: bool, **variables: str) -> dict[str, dict[str, Any]]:
    """Return the containers of a deployment by name."""
    both = read(DEPLOY / "compose.yaml")
    if split:
        both = merged(both, read(DEPLOY / "compose.split.yaml"))
    found: dict[str, dict[str, Any]] = told(both, {"PHOTOS": "/photos"} | variables)
    return found["services"]


def alone(name: str) -> str:
    """Return what the container of a service is called."""
    return name.replace("_", "-")


def unit(path: Path, instance: str = "") -> dict[str, dict[str, list[str]]]:
    """Return a unit's settings by section and key, as one instance of it reads them."""
    found: dict[str, dict[str, list[str]]] = {}
    section: dict[str, list[str]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            section = found.setdefault(line.strip("[]"), {})
        elif line and not line.startswith("#"):
            key, _, value = line.partition("=")
            value = value.replace("%i", instance).replace("%S", "/var/lib")
            section.setdefault(key, []).append(value)
    return found


def instances() -> Iterator[tuple[str, dict[str, dict[str, list[str]]]]]:
    """Yield every unit that a whole split starts, and the one of all-in-one."""
    for path in UNITS:
        if path.stem.endswith("@"):
            for name in ENABLED:
                yield f"{path.stem}{name}", unit(path, name)
        else:
            yield path.stem, unit(path)


def instructions() -> list[tuple[str, str]]:
    """Return the instructions of the Dockerfile, in order, each on one line."""
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    code = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE)
    lines = re.sub(r"\\\n\s*", "", code).splitlines()
    pairs = (line.partition(" ") for line in lines if line)
    return [(word, rest) for word, _, rest in pairs]


def image_environment() -> dict[str, str]:
    """Return the environment that the Dockerfile gives to every container."""
    given = [rest for word, rest in instructions() if word == "ENV"]
    return dict(part.split("=", 1) for line in given for part in shlex.split(line))
