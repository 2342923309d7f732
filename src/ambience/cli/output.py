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

_PLAIN_EVERY = 1000  # files between two lines where there is no terminal to draw on


def print_json(answer: Any) -> None:
    """Print an answer for programs, at once: one may be waiting for it."""
    print(json.dumps(answer, indent=2), flush=True)


class AnswerConsole(Console):
    """Standard output; if nobody reads it any more, that is for `main` to deal with.

    What is printed is taken as it is: brackets and colons in a name mean nothing.

    Args:
        highlight: Whether numbers and the like are colored.
        soft_wrap: Whether long lines are left to the terminal.
    """

    def __init__(self, *, highlight: bool = True, soft_wrap: bool = False) -> None:
        super().__init__(
            markup=False, emoji=False, highlight=highlight, soft_wrap=soft_wrap
        )

    def on_broken_pipe(self) -> None:
        """Let the error through that this is called for."""
        raise  # noqa: PLE0704 - it is being handled by the caller


class _Rate(ProgressColumn):
    """How many images a second."""

    def render(self, task: BarTask) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:.0f} images/s")


@contextmanager
def progress_bar(what: str, *, quiet: bool) -> Iterator[Callable[[Progress], None]]:
    """Show how far some work is, on standard error; give what to tell it to."""
    with progress_bars(what, quiet=quiet) as (on_progress,):
        yield on_progress


@contextmanager
def progress_bars(
    *works: str, quiet: bool
) -> Iterator[Sequence[Callable[[Progress], None]]]:
    """Show how far works are that follow each other; see `progress_bar`.

    Args:
        *works: What they are called; each after the first is shown once it begins.
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
        yield [partial(_say_now_and_then, work) for work in works]


def _draw(bar: Bar, task: TaskID, progress: Progress) -> None:
    bar.update(task, total=progress.total, completed=progress.done, visible=True)


@contextmanager
def step_bars(*, quiet: bool) -> Iterator[Callable[[str, Progress], None]]:
    """Show each step of some work as it is under way; give what to tell it to."""
    with ExitStack() as shown_now:
        steps: dict[str, Callable[[Progress], None]] = {}

        def on_progress(step: str, progress: Progress) -> None:
            if step not in steps:
                shown_now.close()  # the step before is done
                steps[step] = shown_now.enter_context(progress_bar(step, quiet=quiet))
            steps[step](progress)

        yield on_progress


def _say_now_and_then(what: str, progress: Progress) -> None:
    if progress.done and progress.done % _PLAIN_EVERY == 0:
        print(f"{what}: {progress.done} of {progress.total}", file=sys.stderr)


def report_lines(report: Report) -> list[str]:
    """Return what an import did, in words."""
    counts = {
        "added": report.added,
        "changed": report.changed,
        "skipped": report.skipped,
        "moved": report.moved,
        "missing": report.missing,
        "left out as deleted before": report.deleted,
        "failed": len(report.failed),
        "unreadable": len(report.unreadable),
    }
    always = ("added", "skipped", "moved", "failed")
    if not any(counts.values()):
        return ["no image files there"]
    lines = [
        ", ".join(f"{n} {what}" for what, n in counts.items() if n or what in always)
    ]
    failures = (*report.unreadable, *report.failed)
    lines += [shown(f"  {failure.path}: {failure.reason}") for failure in failures]
    lines += [
        shown(f"  {name} could not take part: {reason}")
        for name, reason in report.unavailable.items()
    ]
    lines += [
        f"  {name} has got {_images(count)}" for name, count in report.followed.items()
    ]
    lines += [
        f"  {_images(count)} still to go to {name}: a server on this folder goes on "
        "with that, or the next import"
        for name, count in report.waiting.items()
    ]
    lines += [
        f"  {_images(count)} that {name} can't get: `ambience check` says why"
        for name, count in report.stuck.items()
    ]
    if report.stopped:
        lines.append("stopped before the end: run it again to go on")
    return lines


def _images(count: int) -> str:
    return f"{count} image{'' if count == 1 else 's'}"


def report_json(report: Report) -> dict[str, Any]:
    """Return what an import did, as JSON values."""
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
    """Return files that failed, and why, as JSON values."""
    return [{"path": str(f.path), "reason": f.reason} for f in failures]
