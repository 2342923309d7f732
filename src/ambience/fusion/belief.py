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

from ambience.core.matches import Answer
from ambience.fusion.calibration import Calibration
from ambience.fusion.curves import read
from ambience.fusion.evidence import Measures

_COPIES = math.log(1e-6)  # as rare as false copies may be
_LIKE = math.log(1e-2)  # a library of a hundred photographs holds one like it


class Belief:
    """Turns evidence into probabilities.

    Args:
        calibration: What services declare, and what their distances are worth.
        answers: What was said in this search, by service.
        k: How many images each service was asked for.
    """

    def __init__(
        self, calibration: Calibration, answers: Mapping[str, Answer], *, k: int
    ) -> None:
        self.asked = frozenset(answers)
        self.evidence = calibration.evidence
        self._calibration = calibration
        self._copying = [n for n, own in self.evidence.items() if own.proves_copies]
        self._backgrounds = {
            name: usual.beside(answers[name].background if name in answers else None)
            for name in self.evidence
            if (usual := calibration.usual(name)) is not None
        }
        self._silence = {
            name: calibration.curve(name).silence
            for name, answer in answers.items()
            if name in self._copying and len(answer.matches) < k and not answer.note
        }

    def copy(self, measures: Measures) -> float:
        """Return the probability that an image is a copy, 0 to 1."""
        said = [
            self._said(name, measures)
            if name in measures
            else self._silence.get(name, 0.0)
            for name in self._copying
        ]
        return _probability(_COPIES + math.fsum(said))

    def likeness(self, name: str, measures: Measures) -> float:
        """Return the probability that an image is like the query, 0 to 1."""
        return _probability(_LIKE + self._said(name, measures))

    def _said(self, name: str, measures: Measures) -> float:
        scale, distance = self.evidence[name].scale, measures[name]["distance"]
        x = read(scale, distance, self._backgrounds.get(name))
        return self._calibration.curve(name)(x)


def _probability(log_odds: float) -> float:
    # The logistic function, written so that nothing overflows.
    return 0.5 + 0.5 * math.tanh(log_odds / 2)
