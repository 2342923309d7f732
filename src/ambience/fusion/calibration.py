"""What services' distances are worth as evidence: as shipped, or learned and kept."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ambience.core.errors import CorruptDataError
from ambience.fusion.curves import Curve, Usual
from ambience.fusion.evidence import Evidence


class Learned(BaseModel):
    """The curves that a library taught, each of which stands by itself.

    Services come and go: a curve of one that is not there is kept, and one that is new
    is read as it is shipped until something is learned of it.

    Attributes:
        version: Of the rules that they follow.
        images: In the library that they were fitted to; 0 if nothing was learned.
        accepted: Whether somebody put it in use who was told what it finds and loses;
            one that was not accepted is not used.
        curves: By service.
        usual: By service, where distances are read against a background.
        evidence_versions: By service, of the evidence that it was learned from; 1 where
            there is no entry.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1] = 1
    images: int = Field(default=0, ge=0)
    accepted: bool = False
    curves: Mapping[str, Curve] = Field(default_factory=dict)
    usual: Mapping[str, Usual] = Field(default_factory=dict)
    evidence_versions: Mapping[str, int] = Field(default_factory=dict)

    def save(self, file: Path) -> None:
        """Write everything, in one step.

        Raises:
            OSError: If the disk refuses.
        """
        file.parent.mkdir(parents=True, exist_ok=True)
        draft = file.with_suffix(".draft")
        draft.write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")
        draft.replace(file)


NOTHING_LEARNED = Learned()


@dataclass(frozen=True, slots=True)
class Calibration:
    """How to read the distances of all services.

    Attributes:
        evidence: What each service declares, by name. The answers of a service that
            declares nothing are not merged.
        learned: What a library taught, which goes before what is declared.
    """

    evidence: Mapping[str, Evidence]
    learned: Learned = NOTHING_LEARNED

    @property
    def as_shipped(self) -> "Calibration":
        """The one that every library begins with."""
        return replace(self, learned=NOTHING_LEARNED)

    def curve(self, name: str) -> Curve:
        """Return the curve of a service."""
        declared = self.evidence[name].curve
        return self.learned.curves.get(name, declared) if self._fits(name) else declared

    def usual(self, name: str) -> Usual | None:
        """Return the usual background of a service, if it is read against one."""
        declared = self.evidence[name].usual
        if declared is None or not self._fits(name):
            return declared
        return self.learned.usual.get(name, declared)

    def _fits(self, name: str) -> bool:
        """Whether what was learned of a service was learned of what it measures now."""
        version = self.learned.evidence_versions.get(name, 1)
        return version == self.evidence[name].version


def loaded(file: Path) -> Learned:
    """Return what `Learned.save` wrote; nothing learned if there is no file.

    Raises:
        CorruptDataError: If the file can't be read, or follows other rules.
    """
    try:
        return Learned.model_validate_json(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return NOTHING_LEARNED
    except (OSError, ValueError) as error:
        reason = (
            error.errors()[0]["msg"] if isinstance(error, ValidationError) else error
        )
        raise CorruptDataError(
            f"the calibration {file} can't be used ({reason}): run "
            "`ambience train fusion` to make it anew"
        ) from error
