"""Reads settings from the command line, the environment and `ambience.toml`."""

import argparse

from ambience.core.settings import Settings, load_settings


def settings_from(options: argparse.Namespace) -> Settings:
    """Return the settings of a command, its options included."""
    given = {name: getattr(options, name, None) for name in ("data", "host", "port")}
    return load_settings(**given)
