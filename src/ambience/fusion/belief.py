"""How far to believe what services measured in one search.

The evidence of a service is the logarithm of how much likelier its measure is for a
copy than for a stranger (`ambience.fusion.curves`). Services look at different things,
so their evidence on one image is added. A service that names all it can see, and not
this image, speaks against it; one that was not asked, or could not answer, says
nothing. What is said before any evidence is that of a million pairs of images one is a
copy and its original; of a hundred, one looks alike.
"""

import math
from collections.abc import Mapping
from typing import Any

from ambience.core.matches import Answer
from ambience.fusion.calibration import Calibration
from ambience.fusion.curves import SCALES, Scale, read

Evidence = Mapping[str, Mapping[str, Any]]
"""What is known of one image: by service name, and under ``file`` and ``pixels``."""

COPYING = tuple(n for n, scale in SCALES.items() if scale is not Scale.BACKGROUND)
"""Services that tell copies; the others tell likeness."""

_COPIES = math.log(1e-6)  # as rare as false copies may be
_LIKE = math.log(1e-2)  # a library of a hundred photographs holds one like it


class Belief:
    """Turns evidence into probabilities.

    Args:
        calibration: What distances are worth.
        answers: What was said in this search, by service.
        k: How many images each service was asked for.
    """

    def __init__(
        self, calibration: Calibration, answers: Mapping[str, Answer], *, k: int
    ) -> None:
        self.asked = frozenset(answers)
        self._calibration = calibration
        self._backgrounds = {
            name: usual.beside(answers[name].background if name in answers else None)
            for name, usual in calibration.usual.items()
        }
        self._silence = {
            name: calibration.curves[name].silence
            for name, answer in answers.items()
            if name in COPYING and len(answer.matches) < k and not answer.note
        }

    def copy(self, evidence: Evidence) -> float:
        """Return the probability that an image is a copy, 0 to 1."""
        said = [
            self._said(name, evidence)
            if name in evidence
            else self._silence.get(name, 0.0)
            for name in COPYING
        ]
        return _probability(_COPIES + math.fsum(said))

    def likeness(self, name: str, evidence: Evidence) -> float:
        """Return the probability that an image is like the query, 0 to 1."""
        return _probability(_LIKE + self._said(name, evidence))

    def _said(self, name: str, evidence: Evidence) -> float:
        distance = evidence[name]["distance"]
        x = read(SCALES[name], distance, self._backgrounds.get(name))
        return self._calibration.curves[name](x)


def _probability(log_odds: float) -> float:
    # The logistic function, written so that nothing overflows.
    return 0.5 + 0.5 * math.tanh(log_odds / 2)
