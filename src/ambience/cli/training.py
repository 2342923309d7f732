"""``ambience train``: fits a service's index, or all scores, to what there is now."""

import argparse
import threading

from ambience import registry
from ambience.cli.output import print_json, progress_bar
from ambience.cli.system import (
    CALIBRATION_FILE,
    System,
    data_folder,
    in_use,
    settings_from,
)
from ambience.core.errors import BadParameterError
from ambience.core.settings import Settings
from ambience.gateway.learning import Learner
from ambience.ingest import Progress, Report
from ambience.multivector import MultiVectorService

FUSION = "fusion"  # no service: what their words are worth together


def run(options: argparse.Namespace) -> int:
    """Train, and say what there is now."""
    settings = settings_from(options)
    if options.service == FUSION:
        return _train_fusion(options, settings)
    return _train_index(options, settings)


def _train_index(options: argparse.Namespace, settings: Settings) -> int:
    data = data_folder(settings)
    declared = registry.load(options.service)
    own = declared.check(settings.services.get(declared.name, {}))
    with in_use(data, alone=True):
        service = declared.open(own, data)
        try:
            if not isinstance(service, MultiVectorService):
                raise BadParameterError(f"{declared.name} has nothing to train")
            trained = service.train()
            status = service.status()
        finally:
            service.close()
    if options.json:
        print_json({"trained": trained, "index": status.index, "rows": status.rows})
    elif trained:
        print(
            f"the index of {declared.name} is now {status.index} "
            f"and holds {status.rows} rows"
        )
    else:
        print(f"{declared.name} holds nothing to train with: import images first")
    return 0


def _train_fusion(options: argparse.Namespace, settings: Settings) -> int:
    with (
        System.open(settings) as system,
        progress_bar("searching", quiet=options.json) as show,
    ):
        parts = system.parts
        learner = Learner(parts.backends, parts.catalog, parts.originals, parts.limits)
        learned = learner.learn(
            parts.searcher.calibration,
            stop=threading.Event(),
            on_progress=lambda done, total: show(Progress(done, total, Report())),
        )
        if learned is not None:
            learned.save(data_folder(settings) / CALIBRATION_FILE)
    if options.json:
        curves = {} if learned is None else learned.model_dump(mode="json")["curves"]
        print_json({"trained": learned is not None, "curves": curves})
    elif learned is None:
        print("there is no image whose file can be read: import images first")
    else:
        print(
            f"scores now follow what {learned.images} images taught; a server that "
            "runs takes it up when it starts again"
        )
    return 0
