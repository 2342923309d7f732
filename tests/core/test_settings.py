"""Where settings come from, and what becomes of wrong ones."""

from pathlib import Path

import pytest

from ambience import registry
from ambience.core.errors import BadParameterError
from ambience.core.settings import load_settings


@pytest.fixture(autouse=True)
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "ambience.toml"
    path.write_text("port = 1000\n[services.color]\ntimeout_s = 2\n")
    return path


def test_the_command_line_beats_the_environment_and_that_the_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert load_settings().port == 1000
    monkeypatch.setenv("AMBIENCE_PORT", "2000")
    assert load_settings().port == 2000
    assert load_settings(port=3000).port == 3000
    assert load_settings(port=None).port == 2000


def test_the_environment_adds_to_the_files_tables(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AMBIENCE_SERVICES__PHASH__URL", "http://127.0.0.1:33336")
    assert load_settings().services == {
        "color": {"timeout_s": 2},
        "phash": {"url": "http://127.0.0.1:33336"},
    }


def test_a_misspelt_setting_is_named() -> None:
    with pytest.raises(BadParameterError, match="prot"):
        load_settings(prot=1)


def test_a_misspelt_setting_of_a_service_is_named() -> None:
    with pytest.raises(BadParameterError, match=r"services\.color\.bims"):
        registry.load("color").check({"bims": 8})


def test_a_value_out_of_range_is_named() -> None:
    with pytest.raises(BadParameterError, match=r"settings\.port.*65535"):
        load_settings(port=70_000)


def test_a_file_that_is_not_toml_is_a_clear_error(file: Path) -> None:
    file.write_text("port = = 1")
    with pytest.raises(BadParameterError, match="settings can't be read"):
        load_settings()


@pytest.mark.parametrize(
    "name", ["AMBIENCE_PROT", "ambience_prot", "AMBIENCE_LIMIT__MAX_FRAMES"]
)
def test_a_misspelt_environment_variable_is_named(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AMBIENCE_LIMITS__MAX_FRAMES", "7")
    assert load_settings().limits.max_frames == 7
    monkeypatch.setenv(name, "1")
    with pytest.raises(BadParameterError, match=rf"^{name} in the .* port, "):
        load_settings()
