"""What the distances of services are worth as evidence, as shipped or as learned."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ambience.core.errors import CorruptDataError
from ambience.fusion.curves import Curve, UsualBackground
from ambience.fusion.evidence import Evidence


class Learned(BaseModel):
    """The curves learned from a library, each independent of the others.

    Services come and go: the curve of a missing service is kept, and a new service
    uses the curve it ships with until one is learned.

    Attributes:
        version: The version of this format.
        images: The number of images in the library; 0 if nothing was learned.
        accepted: Whether somebody decided to use it, knowing what it finds and loses.
            It isn't used otherwise.
        curves: The curve of each service.
        usual: The usual background of each service that has one.
        evidence_versions: For each service, the version of the evidence it was learned
            from; 1 if there is no entry.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1] = 1
    images: int = Field(default=0, ge=0)
    accepted: bool = False
    curves: Mapping[str, Curve] = Field(default_factory=dict)
    usual: Mapping[str, UsualBackground] = Field(default_factory=dict)
    evidence_versions: Mapping[str, int] = Field(default_factory=dict)

    def save(self, file: Path) -> None:
        """Replace a file with this, all of it or nothing.

        Raises:
            OSError: If the file can't be written.
        """
        file.parent.mkdir(parents=True, exist_ok=True)
        draft = file.with_suffix(".draft")
        draft.write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")
        draft.replace(file)

    @classmethod
    def load(cls, file: Path) -> "Learned":
        """Return what `save` wrote; `NOTHING_LEARNED` if there is no file.

        Raises:
            CorruptDataError: If the file can't be read, or has another format.
        """
        try:
            return cls.model_validate_json(file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return NOTHING_LEARNED
        except (OSError, ValueError) as error:
            reason = (
                error.errors()[0]["msg"]
                if isinstance(error, ValidationError)
                else error
            )
            raise CorruptDataError(
                f"the calibration {file} can't be used ({reason}): run "
                "`ambience train fusion` to make a new one"
            ) from error


NOTHING_LEARNED = Learned()


@dataclass(frozen=True, slots=True)
class Calibration:
    """How to read the distances of all services.

    Attributes:
        evidence: What each service declares, by name. The answers of a service that
            declares nothing are not merged.
        learned: What was learned from a library; it takes precedence over what is
            declared.
    """

    evidence: Mapping[str, Evidence]
    learned: Learned = NOTHING_LEARNED

    @property
    def as_shipped(self) -> "Calibration":
        """The calibration that every library starts with."""
        return replace(self, learned=NOTHING_LEARNED)

    def curve(self, name: str) -> Curve:
        """Return the curve of a service."""
        declared = self.evidence[name].curve
        return self.learned.curves.get(name, declared) if self._fits(name) else declared

    def usual(self, name: str) -> UsualBackground | None:
        """Return the usual background of a service, if it has one."""
        declared = self.evidence[name].usual
        if declared is None or not self._fits(name):
            return declared
        return self.learned.usual.get(name, declared)

    def _fits(self, name: str) -> bool:
        """Whether the learned curve of a service is for what it measures now."""
        version = self.learned.evidence_versions.get(name, 1)
        return version == self.evidence[name].version
