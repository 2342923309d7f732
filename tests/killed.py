"""What is left of a process that died, without one."""

from ambience.catalog import Journal


def kill(journal: Journal) -> None:
    """Do what the system does when the process of a journal dies."""
    journal._lock.release()  # noqa: SLF001 -- nobody else may give it up
