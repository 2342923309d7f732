"""``ambience train``: fits a service's index, or the scores, to the library."""

import argparse
from collections.abc import Mapping
from dataclasses import asdict

from rich.table import Table

from ambience.calibrating.calibration_trial import TrialTally
from ambience.cli.options import settings_from
from ambience.cli.output import AnswerConsole, print_json, step_bars
from ambience.core.errors import BadParameterError
from ambience.core.settings import Settings
from ambience.library.training import TrainedFusion, train_fusion, train_index

FUSION = "fusion"  # not a service: the scores of all services together


def run(options: argparse.Namespace) -> int:
    """Train, and print the result."""
    settings = settings_from(options)
    if options.service == FUSION:
        return _train_fusion(options, settings)
    if options.accept:
        raise BadParameterError("--accept is only for `ambience train fusion`")
    return _train_index(options, settings)


def _train_index(options: argparse.Namespace, settings: Settings) -> int:
    name = options.service
    index = train_index(settings, name)
    if options.json:
        said = {"trained": index.trained, "index": index.kind, "rows": index.rows}
        print_json(said)
    elif index.trained:
        print(f"the index of {name} is now {index.kind} and has {index.rows} rows")
    else:
        print(f"{name} has nothing to train with: import images first")
    return 0


def _train_fusion(options: argparse.Namespace, settings: Settings) -> int:
    with step_bars(quiet=options.json) as on_progress:
        done = train_fusion(settings, accept=options.accept, on_progress=on_progress)
    if done is None:
        return _say_nothing_learned(options)
    if options.json:
        print_json(
            {
                "trained": done.used,
                "losing": done.losing,
                "tried": {name: asdict(tally) for name, tally in done.tallies.items()},
                "curves": done.learned.model_dump(mode="json")["curves"],
            }
        )
    else:
        _print(done.tallies)
        print(_verdict(done))
    return 0 if done.used else 1


def _say_nothing_learned(options: argparse.Namespace) -> int:
    if options.json:
        print_json({"trained": False, "losing": [], "tried": {}, "curves": {}})
    else:
        print("there are no images with readable files: import images first")
    return 0


def _print(tallies: Mapping[str, TrialTally]) -> None:
    table = Table("edited copies", box=None)
    for column in (
        "tried",
        "found as shipped",
        "learned",
        "false as shipped",
        "learned",
    ):
        table.add_column(column, justify="right")
    for family, tally in tallies.items():
        numbers = (
            *(tally.copies, tally.found_shipped, tally.found_learned),
            *(tally.false_shipped, tally.false_learned),
        )
        table.add_row(family, *map(str, numbers))
    AnswerConsole(highlight=False, soft_wrap=True).print(table)


def _verdict(done: TrainedFusion) -> str:
    images, losing = done.learned.images, ", ".join(done.losing)
    if not done.used:
        return (
            f"nothing changed: the scores learned from {images} images find fewer "
            f"copies or make more false claims ({losing}). To use them anyway, "
            "run `ambience train fusion --accept`"
        )
    return (
        f"the scores are now those learned from {images} images; restart a running "
        "server to use them"
    )
