"""``ambience rebuild``: makes a service's index anew, and its features if need be."""

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ambience import registry
from ambience.cli.output import print_json, progress_bar, report_json, report_lines
from ambience.cli.system import (
    catalog_and_originals,
    data_folder,
    limits_from,
    settings_from,
)
from ambience.core.errors import StoredDataError
from ambience.imaging import Limits
from ambience.ingest import Report, extract_anew
from ambience.service import RetrievalService, ServiceSpec
from ambience.web.backend import LocalBackend


def run(options: argparse.Namespace) -> int:
    """Rebuild, and say what was done."""
    settings = settings_from(options)
    data = data_folder(settings)
    declared = registry.load(options.service)
    own = declared.check(settings.services.get(options.service, {}))
    try:
        service = declared.open(own, data)
    except StoredDataError as error:
        print(f"ambience: {error}", file=sys.stderr)
        aside = _set_aside(declared, data)
        service = declared.open(own, data)
        report = _extract(service, data, limits_from(settings), quiet=options.json)
        _say(options, service, report=report, aside=aside)
    else:
        service.rebuild(declared.make_index(service.store))
        _say(options, service)
    service.close()
    return 0


def _set_aside(declared: ServiceSpec[Any], data: Path) -> Path:
    """Move features that can't be used out of the way: they are not ours to delete."""
    folder = declared.folder(data)
    aside = folder.with_name(f"{folder.name}.{datetime.now(UTC):%Y%m%dT%H%M%S}")
    folder.rename(aside)
    return aside


def _extract(
    service: RetrievalService, data: Path, limits: Limits, *, quiet: bool
) -> Report:
    with (
        catalog_and_originals(data) as (catalog, originals),
        progress_bar("extracting", quiet=quiet) as on_progress,
    ):
        return extract_anew(
            LocalBackend(service),
            catalog=catalog,
            originals=originals,
            limits=limits,
            on_progress=on_progress,
        )


def _say(
    options: argparse.Namespace,
    service: RetrievalService,
    *,
    report: Report | None = None,
    aside: Path | None = None,
) -> None:
    status = service.status()
    if options.json:
        features = None if report is None else report_json(report)
        print_json(
            {
                "rows": status.rows,
                "features": features,
                "set_aside": aside and str(aside),
            }
        )
        return
    if report is not None:
        print("\n".join(report_lines(report)))
        print(f"the old features are in {aside}: delete them when all is well")
    print(f"the index of {service.name} holds {status.rows} rows")
    print("a server that runs meanwhile has to be started again to use it")
