"""``ambience train``: fits a service's index, or the scores, to the library."""

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace

from rich.table import Table

from ambience import registry
from ambience.calibrating.calibration_trial import Tally, Trial
from ambience.calibrating.edited_copies import CopySource
from ambience.calibrating.learning import Learner
from ambience.cli.options import settings_from
from ambience.cli.output import AnswerConsole, print_json, progress_bar
from ambience.core.errors import BadParameterError
from ambience.core.settings import Settings
from ambience.ingest import Progress
from ambience.library.calibration_file import CALIBRATION_FILE
from ambience.library.system import System, data_folder, in_use
from ambience.service import required
from ambience.service.capabilities import Trainable

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
    data = data_folder(settings)
    declared = registry.load(options.service)
    own = declared.check(settings.services.get(declared.name, {}))
    with in_use(settings, data, alone=True):
        service = declared.open_here(own, data)
        try:
            trained = required(service, Trainable).train()
            index = service.status()["index"]
        finally:
            service.close()
    if options.json:
        print_json({"trained": trained, "index": index["kind"], "rows": index["rows"]})
    elif trained:
        print(
            f"the index of {declared.name} is now {index['kind']} "
            f"and has {index['rows']} rows"
        )
    else:
        print(f"{declared.name} has nothing to train with: import images first")
    return 0


def _train_fusion(options: argparse.Namespace, settings: Settings) -> int:
    with System.open(settings) as system:
        parts = system.parts
        source = CopySource(
            parts.services, parts.catalog, parts.originals, parts.limits
        )
        before = parts.searcher.calibration
        with _progress("learning", options) as on_progress:
            learned = Learner(source).learn(before, on_progress=on_progress)
        if learned is None:
            return _say_nothing_learned(options)
        after = replace(before, learned=learned)
        with _progress("trying", options) as on_progress:
            tallies = Trial(source).run(before, after, on_progress=on_progress)
        losing = [family for family, tally in tallies.items() if tally.loses]
        used = options.accept or not losing
        if used:
            accepted = learned.model_copy(update={"accepted": True})
            accepted.save(data_folder(settings) / CALIBRATION_FILE)
    if options.json:
        print_json(
            {
                "trained": used,
                "losing": losing,
                "tried": {family: asdict(tally) for family, tally in tallies.items()},
                "curves": learned.model_dump(mode="json")["curves"],
            }
        )
    else:
        _print(tallies)
        print(_verdict(learned.images, losing, used=used))
    return 0 if used else 1


@contextmanager
def _progress(
    what: str, options: argparse.Namespace
) -> Iterator[Callable[[int, int], None]]:
    with progress_bar(what, quiet=options.json) as show:
        yield lambda done, total: show(Progress(done, total))


def _say_nothing_learned(options: argparse.Namespace) -> int:
    if options.json:
        print_json({"trained": False, "losing": [], "tried": {}, "curves": {}})
    else:
        print("there are no images with readable files: import images first")
    return 0


def _print(tallies: Mapping[str, Tally]) -> None:
    table = Table("edited copies", box=None)
    for column in ("tried", "found before", "after", "false before", "after"):
        table.add_column(column, justify="right")
    for family, tally in tallies.items():
        numbers = (
            *(tally.copies, tally.found_before, tally.found_after),
            *(tally.false_before, tally.false_after),
        )
        table.add_row(family, *map(str, numbers))
    AnswerConsole(highlight=False, soft_wrap=True).print(table)


def _verdict(images: int, losing: Sequence[str], *, used: bool) -> str:
    if not used:
        return (
            f"nothing changed: the scores learned from {images} images find fewer "
            f"copies or make more false claims ({', '.join(losing)}). To use them "
            "anyway, run `ambience train fusion --accept`"
        )
    return (
        f"the scores are now those learned from {images} images; restart a running "
        "server to use them"
    )
