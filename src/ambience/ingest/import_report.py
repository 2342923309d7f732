"""What an import has done, how far it is, and which files failed."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from ambience.core.features import ImageId


@dataclass(frozen=True, slots=True)
class Failure:
    """A file that could not be imported.

    Attributes:
        path: The file.
        reason: Why it failed, in a sentence.
    """

    path: Path
    reason: str

    @classmethod
    def of(cls, path: Path, error: Exception) -> Self:
        """Return the failure of a file that raised an error."""
        if isinstance(error, OSError):
            return cls(path, f"can't be read: {error.strerror or error}")
        return cls(path, str(error))


@dataclass(slots=True)
class Report:
    """What an import has done, in numbers of files.

    Attributes:
        added: New images.
        changed: Images whose file has new content.
        skipped: Known files that have not changed.
        moved: Images whose file was found at another path.
        deleted: Files left out because the user had deleted their image.
        gone: Images whose file is gone since the last import.
        failed: Files that could not be imported.
        unreadable: Folders and files that could not be looked at: nothing in them was
            imported or marked as gone.
        unavailable: Why services could not take part, by service.
        stopped: Whether the import was stopped early.
        followed: How many images each slow service got after the import.
        waiting: How many images each service still has to get.
        stuck: How many images each service can't get as they are.
    """

    added: int = 0
    changed: int = 0
    skipped: int = 0
    moved: int = 0
    deleted: int = 0
    gone: set[ImageId] = field(default_factory=set)
    failed: list[Failure] = field(default_factory=list)
    unreadable: list[Failure] = field(default_factory=list)
    unavailable: dict[str, str] = field(default_factory=dict)
    stopped: bool = False
    followed: dict[str, int] = field(default_factory=dict)
    waiting: dict[str, int] = field(default_factory=dict)
    stuck: dict[str, int] = field(default_factory=dict)

    @property
    def missing(self) -> int:
        """How many images' files are gone since the last import."""
        return len(self.gone)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an operation on files is.

    Attributes:
        done: Files that are finished.
        total: All files.
        report: The numbers so far, if this is an import.
    """

    done: int
    total: int
    report: Report = field(default_factory=Report)
