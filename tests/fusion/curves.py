"""A calibration in round numbers, for tests of what is made of it."""

from ambience.fusion import Calibration, Curve, Usual

CALIBRATION = Calibration(
    images=0,
    curves={
        "phash": Curve(seen=0.5, middle=250, width=5),
        "local_features": Curve(seen=0.9, middle=13, width=1),
        "color": Curve(seen=0.5, middle=-2, width=0.5),
    },
    usual={"color": Usual(mean=1.5, deviation=0.3)},
)
