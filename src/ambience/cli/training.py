"""``ambience train``: fits a service's index to what the library holds now."""

import argparse

from ambience import registry
from ambience.cli.output import print_json
from ambience.cli.system import data_folder, in_use, settings_from
from ambience.core.errors import BadParameterError
from ambience.multivector import MultiVectorService


def run(options: argparse.Namespace) -> int:
    """Train, and say what there is now."""
    settings = settings_from(options)
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
