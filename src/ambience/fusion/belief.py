"""The probabilities that follow from what services measured in one search.

The evidence of a service is the logarithm of how much likelier its measurement is for a
copy than for an unrelated image (`ambience.fusion.curves`). Services look at different
things, so their evidence on one image is added. A service that lists everything it can
see, but not this image, is evidence against it; a service that was not asked, or could
not answer, is no evidence. Before any evidence, one pair of images in a million is
assumed to be a copy and its original, and one in a hundred to look alike.
"""

import math
from collections.abc import Mapping

from ambience.core.matches import Answer
from ambience.fusion.calibration import Calibration
from ambience.fusion.curves import scaled_distance
from ambience.fusion.evidence import Measures

_COPIES = math.log(1e-6)  # the prior of a copy: as rare as false copies may be
_LIKE = math.log(1e-2)  # one of a hundred photographs in a library is like the query


class Belief:
    """Turns evidence into probabilities.

    Args:
        calibration: What services declare, and what their distances are worth.
        answers: The answers in this search, by service.
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
            name: usual.combined_with(
                answers[name].background if name in answers else None
            )
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
        evidence = [
            self._evidence(name, measures)
            if name in measures
            else self._silence.get(name, 0.0)
            for name in self._copying
        ]
        return _probability(_COPIES + math.fsum(evidence))

    def likeness(self, name: str, measures: Measures) -> float:
        """Return the probability that an image is like the query, 0 to 1."""
        return _probability(_LIKE + self._evidence(name, measures))

    def _evidence(self, name: str, measures: Measures) -> float:
        scale, distance = self.evidence[name].scale, measures[name]["distance"]
        x = scaled_distance(scale, distance, self._backgrounds.get(name))
        return self._calibration.curve(name)(x)


def _probability(log_odds: float) -> float:
    # The logistic function in a form that can't overflow.
    return 0.5 + 0.5 * math.tanh(log_odds / 2)
