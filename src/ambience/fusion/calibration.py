"""What services' distances are worth as evidence: fitted, kept in a file, read."""

import math
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ambience.core.errors import CorruptDataError
from ambience.core.matches import Background
from ambience.fusion.curves import SCALES, Curve, Scale

SHIPPED = "shipped.json"

_USUAL_COUNT = 20  # images that the usual background counts as, beside a query's own


class Usual(BaseModel):
    """The background that is usual, for libraries too small to have one of their own.

    Attributes:
        mean: Of the distances between any two images.
        deviation: Their standard deviation.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    mean: float = Field(ge=0, allow_inf_nan=False)
    deviation: float = Field(gt=0, allow_inf_nan=False)

    def beside(self, own: Background | None) -> Background:
        """Return the background of a query, this one counted as twenty images of it."""
        usual = Background(self.mean, self.deviation, _USUAL_COUNT)
        if own is None or own.count == 0:
            return usual
        count = own.count + usual.count
        mean = (own.count * own.mean + usual.count * usual.mean) / count
        squares = sum(
            part.count * (part.deviation**2 + (part.mean - mean) ** 2)
            for part in (own, usual)
        )
        return Background(mean, math.sqrt(squares / count), count)


class Calibration(BaseModel):
    """The curves of all services, as they were fitted once.

    Attributes:
        version: Of the rules that they follow.
        images: In the library that they were fitted to; 0 if that was none of the
            user's own.
        accepted: Whether somebody put it in use who was told what it finds and loses;
            of a library's own, one that was not accepted is not used.
        curves: By service.
        usual: By service, where distances are read against a background.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1] = 1
    images: int = Field(ge=0)
    accepted: bool = False
    curves: Mapping[str, Curve]
    usual: Mapping[str, Usual]

    @model_validator(mode="after")
    def _complete(self) -> Self:
        background = [n for n, s in SCALES.items() if s is Scale.BACKGROUND]
        if set(self.curves) != set(SCALES) or set(self.usual) != set(background):
            raise ValueError(f"it should say something of {', '.join(SCALES)}")
        return self

    def save(self, file: Path) -> None:
        """Write everything, in one step.

        Raises:
            OSError: If the disk refuses.
        """
        file.parent.mkdir(parents=True, exist_ok=True)
        draft = file.with_suffix(".draft")
        draft.write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")
        draft.replace(file)


def loaded(file: Path) -> Calibration:
    """Return what `Calibration.save` wrote, or what is shipped if there is no file.

    Raises:
        CorruptDataError: If the file can't be read, or follows other rules.
    """
    try:
        return Calibration.model_validate_json(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return shipped()
    except (OSError, ValueError) as error:
        reason = (
            error.errors()[0]["msg"] if isinstance(error, ValidationError) else error
        )
        raise CorruptDataError(
            f"the calibration {file} can't be used ({reason}): run "
            "`ambience train fusion` to make it anew"
        ) from error


@cache
def shipped() -> Calibration:
    """Return what comes with ambience: fitted on public photographs and drawings."""
    text = files("ambience.fusion").joinpath(SHIPPED).read_text(encoding="utf-8")
    return Calibration.model_validate_json(text)
