"""What commands print: tables and progress for people, JSON for programs."""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    ProgressColumn,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bar
from rich.progress import Task as BarTask
from rich.text import Text

from ambience.cli.terminal_text import shown
from ambience.ingest.import_report import Failure, Progress, Report

_PLAIN_EVERY = 1000  # images between two lines of progress without a terminal


def print_json(answer: Any) -> None:
    """Print an answer for programs, unbuffered, as one may be waiting for it."""
    print(json.dumps(answer, indent=2), flush=True)


class AnswerConsole(Console):
    """Standard output. If nobody reads it any more, `main` handles the error.

    Text is printed literally: brackets and colons in a name have no meaning.

    Args:
        highlight: Whether to color numbers and the like.
        soft_wrap: Whether to leave long lines to the terminal.
    """

    def __init__(self, *, highlight: bool = True, soft_wrap: bool = False) -> None:
        super().__init__(
            markup=False, emoji=False, highlight=highlight, soft_wrap=soft_wrap
        )

    def on_broken_pipe(self) -> None:
        """Raise the error instead of exiting."""
        raise  # noqa: PLE0704 -- the caller is handling it


class _Rate(ProgressColumn):
    """Images per second."""

    def render(self, task: BarTask) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:.0f} images/s")


@contextmanager
def progress_bar(what: str, *, quiet: bool) -> Iterator[Callable[[Progress], None]]:
    """Show the progress of some work on standard error; yield what to report it to."""
    with progress_bars(what, quiet=quiet) as (on_progress,):
        yield on_progress


@contextmanager
def progress_bars(
    *works: str, quiet: bool
) -> Iterator[Sequence[Callable[[Progress], None]]]:
    """Show the progress of several works, one after the other; see `progress_bar`.

    Args:
        *works: Their names; each after the first is shown once it begins.
        quiet: Whether nothing is shown.
    """
    console = Console(stderr=True)
    if quiet:
        yield [lambda _: None for _ in works]
    elif console.is_terminal:
        with Bar(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            _Rate(),
            TimeRemainingColumn(),
            console=console,
        ) as bar:
            yield [
                partial(_draw, bar, bar.add_task(work, total=None, visible=not number))
                for number, work in enumerate(works)
            ]
    else:
        yield [partial(_print_occasionally, work) for work in works]


def _draw(bar: Bar, task: TaskID, progress: Progress) -> None:
    bar.update(task, total=progress.total, completed=progress.done, visible=True)


@contextmanager
def step_bars(*, quiet: bool) -> Iterator[Callable[[str, Progress], None]]:
    """Show the progress of each step of some work; yield what to report it to."""
    with ExitStack() as shown_now:
        steps: dict[str, Callable[[Progress], None]] = {}

        def on_progress(step: str, progress: Progress) -> None:
            if step not in steps:
                shown_now.close()  # the previous step is done
                steps[step] = shown_now.enter_context(progress_bar(step, quiet=quiet))
            steps[step](progress)

        yield on_progress


def _print_occasionally(what: str, progress: Progress) -> None:
    if progress.done and progress.done % _PLAIN_EVERY == 0:
        print(f"{what}: {progress.done} of {progress.total}", file=sys.stderr)


def report_lines(report: Report) -> list[str]:
    """Describe the result of an import."""
    counts = {
        "added": report.added,
        "changed": report.changed,
        "skipped": report.skipped,
        "moved": report.moved,
        "missing": report.missing,
        "skipped as deleted before": report.deleted,
        "failed": len(report.failed),
        "unreadable": len(report.unreadable),
    }
    always = ("added", "skipped", "moved", "failed")
    if not any(counts.values()):
        return ["no image files found"]
    lines = [
        ", ".join(f"{n} {what}" for what, n in counts.items() if n or what in always)
    ]
    failures = (*report.unreadable, *report.failed)
    lines += [shown(f"  {failure.path}: {failure.reason}") for failure in failures]
    lines += [
        shown(f"  {name} was not available: {reason}")
        for name, reason in report.unavailable.items()
    ]
    lines += [
        f"  {name} got {counted(count, 'image')}"
        for name, count in report.followed.items()
    ]
    lines += [
        f"  {counted(count, 'image')} still to go to {name}: a server on this folder, "
        "or the next import, does the rest"
        for name, count in report.waiting.items()
    ]
    lines += [
        f"  {counted(count, 'image')} that {name} can't get: `ambience check` says why"
        for name, count in report.stuck.items()
    ]
    if report.stopped:
        lines.append("stopped early: run it again to continue")
    return lines


def counted(number: int, what: str) -> str:
    """Return a number of things, as in ``1 image`` or ``2 images``."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def report_json(report: Report) -> dict[str, Any]:
    """Return the result of an import as JSON values."""
    return {
        "added": report.added,
        "changed": report.changed,
        "skipped": report.skipped,
        "moved": report.moved,
        "missing": report.missing,
        "deleted": report.deleted,
        "failed": failures_json(report.failed),
        "unreadable": failures_json(report.unreadable),
        "unavailable": report.unavailable,
        "stopped": report.stopped,
        "followed": report.followed,
        "waiting": report.waiting,
        "stuck": report.stuck,
    }


def failures_json(failures: Sequence[Failure]) -> list[dict[str, str]]:
    """Return files that failed, with the reasons, as JSON values."""
    return [{"path": str(f.path), "reason": f.reason} for f in failures]
