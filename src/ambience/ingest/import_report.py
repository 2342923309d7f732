"""What an import did, how far it is, and which files failed."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from ambience.core.features import ImageId


@dataclass(frozen=True, slots=True)
class Failure:
    """A file that could not be imported.

    Attributes:
        path: Which.
        reason: Why, in a sentence.
    """

    path: Path
    reason: str

    @classmethod
    def of(cls, path: Path, error: Exception) -> Self:
        """Return the failure that an error makes of a file."""
        if isinstance(error, OSError):
            return cls(path, f"can't be read: {error.strerror or error}")
        return cls(path, str(error))


@dataclass(slots=True)
class Report:
    """What an import did, in numbers of files.

    Attributes:
        added: New images.
        changed: Images whose file has new content.
        skipped: Files that were known and have not changed.
        moved: Images whose file was found at another path.
        deleted: Files left out because the user deleted their image before.
        gone: Images whose file is gone since the last import.
        failed: Files that could not be imported.
        unreadable: Folders and files that could not be looked at: what they hold was
            not imported, and is not marked as gone.
        unavailable: By service name, why it could not take part.
        stopped: Whether the import was stopped before its end.
        followed: By slow service, how many images it got after they were imported.
        waiting: By service, how many images it has still to get.
        stuck: By service, how many images it can't get, as they are.
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
    """How far some work on files is.

    Attributes:
        done: Files dealt with.
        total: Files found.
        report: The numbers so far, of an import.
    """

    done: int
    total: int
    report: Report = field(default_factory=Report)
