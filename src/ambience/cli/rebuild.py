"""``ambience rebuild``: rebuilds a service's index and extracts missing features."""

import argparse

from ambience.cli.options import settings_from
from ambience.cli.output import print_json, report_json, report_lines, step_bars
from ambience.cli.terminal_text import shown
from ambience.library.rebuilding import Rebuilt, rebuild_service


def run(options: argparse.Namespace) -> int:
    """Rebuild, and report what was done."""
    name = options.service
    with step_bars(quiet=options.json) as on_progress:
        done = rebuild_service(settings_from(options), name, on_progress=on_progress)
    if options.json:
        print_json(
            {
                "rows": done.rows,
                "features": report_json(done.report),
                "set_aside": None if done.set_aside is None else str(done.set_aside),
            }
        )
    else:
        _print(name, done)
    return 0


def _print(name: str, done: Rebuilt) -> None:
    if done.report.added or done.report.failed:
        print("\n".join(report_lines(done.report)))
    if done.set_aside is not None:
        where = shown(done.set_aside)
        print(f"the old features are in {where}: delete them when all is well")
    print(f"the index of {name} has {done.rows} rows")
