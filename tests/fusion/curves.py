"""A calibration in round numbers, for tests of what is made of it."""

from ambience import registry
from ambience.fusion import Calibration, Curve, Evidence, Learned, UsualBackground


def declared(name: str) -> Evidence:
    """Return what a service declares of its matches."""
    spec = registry.load(name)
    assert spec.evidence is not None
    return spec.evidence(spec.settings())


EVIDENCE = {name: declared(name) for name in ("phash", "local_features", "color")}

CALIBRATION = Calibration(
    EVIDENCE,
    Learned(
        curves={
            "phash": Curve(seen=0.5, middle=250, width=5),
            "local_features": Curve(seen=0.9, middle=13, width=1),
            "color": Curve(seen=0.5, middle=-2, width=0.5),
        },
        usual={"color": UsualBackground(mean=1.5, deviation=0.3)},
        evidence_versions={name: own.version for name, own in EVIDENCE.items()},
    ),
)
