"""Prints tables that fit the terminal, or one line per entry into a pipe."""

from collections.abc import Iterable, Sequence

from rich.cells import cell_len

from ambience.cli.output import AnswerConsole

_GAP = "  "
_LEAST = 16  # smallest width of a column that is shortened
_PREFIXES = ("kB", "MB", "GB", "TB", "PB")
_KILO = 1000  # decimal, as disks are sold
_NEXT_PREFIX = 999.5  # would be rounded to four digits
_TWO_DIGITS = 9.95  # would be rounded to two before the point: those are enough


def people_size(byte_count: int) -> str:
    """Return a number of bytes for people: ``3.2 MB``."""
    if byte_count < _KILO:
        return f"{byte_count} byte{'' if byte_count == 1 else 's'}"
    size = byte_count / _KILO
    prefixes = iter(_PREFIXES)
    prefix = next(prefixes)
    while size >= _NEXT_PREFIX:
        size, prefix = size / _KILO, next(prefixes)
    decimals = 1 if size < _TWO_DIGITS else 0
    return f"{size:.{decimals}f} {prefix}"


def shortened(text: str, cells: int) -> str:
    """Shorten text to a number of cells by leaving out its middle.

    More is kept of the end than of the start, which in a path is the name of the file.
    """
    if cell_len(text) <= cells:
        return text
    head = _first(text, (cells - 1) // 3)
    tail = _first(text[::-1], cells - 1 - cell_len(head))[::-1]
    return f"{head}…{tail}"


def print_entries(
    console: AnswerConsole,
    groups: Iterable[Sequence[Sequence[str]]],
    *,
    headings: Sequence[str] = (),
) -> None:
    """Print entries; the last but one cell of each is prose, the last a path.

    On a terminal, columns are aligned, prose is wrapped within its column, paths are
    shortened in the middle, and groups are separated by empty lines. In a pipe, each
    entry is one line with tabs between its cells.

    Args:
        console: Where to print.
        groups: Groups of entries, all with the same number of cells.
        headings: Headings of the columns, for people; may be empty.
    """
    listed = [list(group) for group in groups]
    if not console.is_terminal:
        for group in listed:
            for cells in group:
                # Not by rich, which would turn tabs into spaces.
                print("\t".join(cells))
        return
    named = [tuple(headings)] if headings else []
    widths = _widths([*named, *(cells for group in listed for cells in group)], console)
    for cells in named:
        _print_cells(console, cells, widths, style="bold")
    for number, group in enumerate(listed):
        if number or named:
            console.print()
        for cells in group:
            _print_cells(console, cells, widths)


def _widths(rows: Sequence[Sequence[str]], console: AnswerConsole) -> list[int]:
    """Return the width of each column in cells, so that all fit."""
    natural = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    *fixed, prose, path = natural
    left = console.width - sum(fixed) - len(_GAP) * (len(natural) - 1)
    if prose + path > left:
        prose = min(prose, max(_LEAST, left // 2))
        path = max(_LEAST // 2, left - prose)  # fits 60 cells; fewer wrap
    return [*fixed, prose, path]


def _print_cells(
    console: AnswerConsole, cells: Sequence[str], widths: Sequence[int], style: str = ""
) -> None:
    *fixed, prose, path = cells
    lines = _wrapped(prose, widths[-2])
    firsts = [*fixed, lines[0], shortened(path, widths[-1])]
    console.print(_line(firsts, widths), style=style, soft_wrap=True)
    for line in lines[1:]:
        console.print(
            _line([*("" for _ in fixed), line, ""], widths), style=style, soft_wrap=True
        )


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = (
        cell + " " * (width - cell_len(cell))
        for cell, width in zip(cells, widths, strict=True)
    )
    return _GAP.join(padded).rstrip()


def _wrapped(prose: str, cells: int) -> list[str]:
    """Wrap prose into at least one line; words that are too long are shortened."""
    lines = [""]
    for word in prose.split(" "):
        longer = f"{lines[-1]} {word}" if lines[-1] else word
        if lines[-1] and cell_len(longer) > cells:
            lines.append(word)
        else:
            lines[-1] = longer
    return [shortened(line, cells) for line in lines]


def _first(text: str, cells: int) -> str:
    """Return as much of the start of a text as fits."""
    taken = 0
    for place, letter in enumerate(text):
        taken += cell_len(letter)
        if taken > cells:
            return text[:place]
    return text
