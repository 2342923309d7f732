"""The files in deploy/ agree with the settings, the services and the command line."""

import json
import re
import shlex
import shutil
from pathlib import Path

import pytest
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient

from ambience import registry
from ambience.cli.parser import build_parser
from ambience.core.settings import Settings, load_settings
from ambience.web.hosts import KnownHosts
from tests.deploy.places import (
    DEFAULTS,
    DEPLOY,
    ENABLED,
    GATEWAY,
    PORTS,
    ROOT,
    SETTINGS,
    UNITS,
    alone,
    containers,
    image_environment,
    instances,
    instructions,
)

LOCKED = ("read_only", "cap_drop", "security_opt", "init", "restart", "build")
SAFE = {  # of every unit
    "CapabilityBoundingSet": [""],
    "NoNewPrivileges": ["yes"],
    "PrivateTmp": ["yes"],
    "ProtectSystem": ["strict"],
    "User": ["ambience"],
}
OURS = re.compile(  # a command of ours, as the page shows it
    r"^ {4}.*?(?:bin/ambience|exec ambience ambience|compose run --rm \S+) (.+)$"
)


@pytest.fixture(autouse=True)
def apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the settings of whoever runs the tests out of them."""
    monkeypatch.chdir(tmp_path)


def loaded(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, file: Path | None
) -> Settings:
    """Return the settings of a process, every service's table checked."""
    if file is not None:
        shutil.copy(file, "ambience.toml")
    with monkeypatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        settings = load_settings()
    Path("ambience.toml").unlink(missing_ok=True)
    for name, table in settings.services.items():
        registry.load(name).check(table)
    return settings


def settings_of(
    container: str, monkeypatch: pytest.MonkeyPatch, *, split: bool
) -> Settings:
    told = containers(split=split)[container]["environment"]
    return loaded(image_environment() | told, monkeypatch, None)


def address(settings: Settings, service: str) -> str:
    return str(settings.services.get(service, {}).get("url", ""))


@pytest.mark.parametrize("file", SETTINGS, ids=lambda file: file.stem)
def test_a_settings_file_loads(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = loaded({}, monkeypatch, file)
    assert settings.data is not None
    assert file.stem == "service" or settings.host == DEFAULTS["host"].default


def test_settings_of_a_whole_library_name_the_defaults(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("all-in-one", "gateway"):
        settings = loaded({}, monkeypatch, DEPLOY / "settings" / f"{name}.toml")
        assert settings.port == DEFAULTS["port"].default
        assert settings.enabled == ENABLED


def test_each_service_is_where_the_gateway_looks_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = loaded({}, monkeypatch, DEPLOY / "settings" / "gateway.toml")
    for name, port in PORTS.items():
        assert address(settings, name) == f"http://127.0.0.1:{port}"
    split = settings_of(GATEWAY, monkeypatch, split=True)
    for name, port in PORTS.items():
        assert address(split, name) == f"http://{alone(name)}:{port}"
        assert containers(split=True)[alone(name)]["command"] == ["serve", name]
    whole = settings_of(GATEWAY, monkeypatch, split=False)
    assert [address(whole, name) for name in ENABLED] == [""] * len(ENABLED)


def test_a_service_answers_to_the_name_the_gateway_calls_and_to_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ENABLED:
        settings = settings_of(alone(name), monkeypatch, split=True)
        assert settings.allowed_hosts, "0.0.0.0 is checked only where a name is set"
        app = KnownHosts(PlainTextResponse("hello"), hosts=settings.allowed_hosts)
        asked = {alone(name): 200, "127.0.0.1": 200, "evil.example": 421}
        for host, status in asked.items():
            answer = TestClient(app).get("/", headers={"host": f"{host}:1"})
            assert answer.status_code == status


def test_every_health_check_asks_the_port_that_is_served() -> None:
    health = [rest for word, rest in instructions() if word == "HEALTHCHECK"]
    gateway = json.loads(health[0].partition("CMD ")[2])
    expected = ["python", "/src/deploy/health.py"]
    assert gateway == [*expected, str(DEFAULTS["port"].default)]
    assert ("EXPOSE", gateway[-1]) in instructions()
    split = containers(split=True)
    assert "healthcheck" not in split[GATEWAY]  # the image's own
    for name, port in PORTS.items():
        test = split[alone(name)]["healthcheck"]["test"]
        assert test == ["CMD", *expected, str(port)]


@pytest.mark.parametrize("split", [False, True], ids=["all-in-one", "split"])
def test_only_the_gateway_is_published_and_to_this_machine_only(*, split: bool) -> None:
    running = containers(split=split)
    published = {name: c["ports"] for name, c in running.items() if "ports" in c}
    port = DEFAULTS["port"].default
    assert published == {GATEWAY: [f"127.0.0.1:{port}:{port}"]}
    expected = {GATEWAY, *map(alone, ENABLED)} if split else {GATEWAY}
    assert set(running) == expected


@pytest.mark.parametrize("split", [False, True], ids=["all-in-one", "split"])
def test_every_container_is_locked_up_and_has_a_volume_to_itself(
    monkeypatch: pytest.MonkeyPatch, *, split: bool
) -> None:
    running = containers(split=split)
    for name, container in running.items():
        assert container["read_only"] is True
        assert container["cap_drop"] == ["ALL"]
        assert {key: container[key] for key in LOCKED} == {
            key: running[GATEWAY][key] for key in LOCKED
        }
        assert {"mem_limit", "stop_grace_period"} <= set(container)
        data = settings_of(name, monkeypatch, split=split).data
        assert [v for v in container["volumes"] if str(v).endswith(f":{data}")]
    volumes = [v for c in running.values() for v in c["volumes"] if isinstance(v, str)]
    assert len(set(volumes)) == len(volumes) == len(running)


def test_photos_are_named_by_the_user_and_only_read() -> None:
    mounts = [v for v in containers(split=True)[GATEWAY]["volumes"] if "/data" not in v]
    (photos,) = mounts
    assert photos["read_only"] is True
    assert photos["target"] in containers(split=True)[GATEWAY]["command"]
    text = (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
    assert "${PHOTOS:?" in text


def test_every_variable_in_a_unit_is_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, sections in instances():
        given = dict(one.split("=", 1) for one in sections["Service"]["Environment"])
        ours = {key for key in given if key.startswith("AMBIENCE_")}
        assert set(given) - ours == {"TMPDIR"}
        settings = loaded(given, monkeypatch, DEPLOY / "settings" / "gateway.toml")
        # ProtectSystem lets it write to its state directory, and nowhere else.
        assert [f"/var/lib/{sections['Service']['StateDirectory'][0]}"] == [
            str(settings.data)
        ], name


def test_every_unit_is_locked_up() -> None:
    for name, sections in instances():
        service = sections["Service"]
        assert {key: service.get(key) for key in SAFE} == SAFE, name


def test_every_variable_of_the_image_is_a_setting() -> None:
    names = set(image_environment())
    assert names == {"AMBIENCE_HOST", "AMBIENCE_DATA", "TMPDIR"}


def test_every_command_is_one() -> None:
    commands = [
        sections["Service"]["ExecStart"][0].partition(" ")[2]
        for _, sections in instances()
    ]
    commands += [shlex.join(c["command"]) for c in containers(split=True).values()]
    (default,) = (json.loads(rest) for word, rest in instructions() if word == "CMD")
    commands.append(shlex.join(default))
    page = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
    shown = [match[1] for line in page.splitlines() if (match := OURS.match(line))]
    assert len(shown) > 3
    for command in [*commands, *shown]:
        told = build_parser().parse_args(shlex.split(command))
        assert set(getattr(told, "services", [])) <= set(registry.BUILTIN), command
    assert sum(command.startswith("serve") for command in commands) == len(commands)


def test_every_enabled_service_has_its_unit_on_the_page() -> None:
    page = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
    units = " ".join(f"ambience@{name}" for name in ENABLED)
    assert f"enable --now {units}\n" in page
    assert {path.name for path in UNITS} == {"ambience.service", "ambience@.service"}


def test_the_image_is_made_of_the_lock_and_of_files_that_are_there() -> None:
    ignore = (DEPLOY / "Dockerfile.dockerignore").read_text(encoding="utf-8")
    let_in = {line[1:] for line in ignore.splitlines() if line.startswith("!")}
    copied = {
        source
        for word, rest in instructions()
        if word == "COPY"
        for source in rest.split()[:-1]
    }
    assert copied == let_in
    assert [path for path in copied if not (ROOT / path).exists()] == []
    pip = [rest for word, rest in instructions() if rest.startswith("pip install")]
    assert "--require-hashes" in pip[0]
    assert "--requirement /src/requirements/serve.txt" in pip[0]
    assert all("--no-deps" in line for line in pip)
    assert "--no-build-isolation" in pip[1]  # nothing else is fetched to build with


def test_the_server_in_the_image_is_not_root() -> None:
    words = [word for word, _ in instructions()]
    assert ("USER", "ambience") in instructions()
    assert words.index("USER") > max(i for i, w in enumerate(words) if w == "COPY")
    assert not {"RUN", "COPY", "ADD"} & set(words[words.index("USER") :])


def test_no_file_names_an_address_or_a_version_that_moves() -> None:
    for file in (path for path in DEPLOY.rglob("*") if path.is_file()):
        text = file.read_text(encoding="utf-8")
        hosts = set(re.findall(r"\w+://([^:/\s\"{]+)", text)) - set(map(alone, ENABLED))
        assert hosts <= {"127.0.0.1"}, file.name
        assert ":latest" not in text
        assert "--index" not in text
    (base,) = (rest for word, rest in instructions() if word == "FROM")
    supported = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    version = re.fullmatch(r"python:(3\.\d+)-slim", base)
    assert version is not None
    assert f'"Programming Language :: Python :: {version[1]}"' in supported
