"""``ambience import``: adds images and folders."""

import argparse
import signal
import threading
from types import FrameType

from ambience.cli.options import settings_from
from ambience.cli.output import print_json, progress_bars, report_json, report_lines
from ambience.ingest import Report
from ambience.library.library import Library


def run(options: argparse.Namespace) -> int:
    """Import, show the progress, and report the result."""
    stop = threading.Event()
    with Library.of(settings_from(options), to_write=True) as library:
        # The first Ctrl-C stops after the images in progress, the second one at once.
        before = signal.signal(signal.SIGINT, _stopper(stop))
        signal.signal(signal.SIGTERM, _stopper(stop))
        try:
            with progress_bars("importing", "slow services", quiet=options.json) as (
                on_progress,
                on_follow,
            ):
                report = library.add_folder(
                    *options.paths,
                    on_progress=on_progress,
                    on_follow=on_follow,
                    stop=stop,
                    again=options.again,
                )
        finally:
            signal.signal(signal.SIGINT, before)
    if options.json:
        print_json(report_json(report))
    else:
        print("\n".join(report_lines(report)))
    return exit_code(report)


def exit_code(report: Report) -> int:
    """Return 1 if nothing could be imported or something was unreadable, else 0."""
    if report.unreadable:
        return 1
    known = report.added + report.changed + report.moved + report.skipped
    return 0 if known or report.deleted or report.stopped else 1


def _stopper(stop: threading.Event) -> "signal._HANDLER":
    def ask_to_stop(_: int, __: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    return ask_to_stop
