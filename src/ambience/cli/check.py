"""``ambience check``: compares catalog, services and files, and repairs what it can."""

import argparse

from ambience.cli.check_report import as_json, show
from ambience.cli.options import settings_from
from ambience.cli.output import print_json, step_bars
from ambience.library.check import check_library


def run(options: argparse.Namespace) -> int:
    """Check, repair if requested, and report what is out of step."""
    with step_bars(quiet=options.json) as on_progress:
        check = check_library(
            settings_from(options),
            repair=options.repair,
            share=options.share,
            unknown=options.unknown,
            on_progress=on_progress,
        )
    if options.json:
        print_json(as_json(check))
    else:
        show(check, repaired=options.repair)
    return 0 if check.in_step else 1
