"""Tables: as wide as the terminal, or one whole line an entry where there is none."""

from collections.abc import Iterable, Sequence

from rich.cells import cell_len

from ambience.cli.output import AnswerConsole

_GAP = "  "
_LEAST = 16  # cells of a column that has to give way
_PREFIXES = ("kB", "MB", "GB", "TB", "PB")


def people_size(byte_count: int) -> str:
    """Return a number of bytes as people say it: ``3.2 MB``."""
    if byte_count < 1000:  # noqa: PLR2004 -- decimal, as disks are sold
        return f"{byte_count} byte{'' if byte_count == 1 else 's'}"
    size = byte_count / 1000
    prefixes = iter(_PREFIXES)
    prefix = next(prefixes)
    while size >= 999.5:  # noqa: PLR2004 -- rounded, it would have four digits
        size, prefix = size / 1000, next(prefixes)
    return f"{size:.1f} {prefix}" if size < 9.95 else f"{size:.0f} {prefix}"  # noqa: PLR2004 -- two digits tell enough


def shortened(text: str, cells: int) -> str:
    """Return text that fills at most so many cells, the middle left out if need be.

    Of a path, most of its end is left: the name of the file.
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
    """Print entries, each as cells of which the last but one is prose, the last a path.

    On a terminal columns are aligned and no line is broken: prose goes on in the next
    line, paths lose their middle, and groups are apart. Elsewhere each entry is one
    whole line, its cells separated by tabs, as programs take them.

    Args:
        console: Where to.
        groups: Of entries, all with as many cells.
        headings: Of the columns, for people; empty: none.
    """
    listed = [list(group) for group in groups]
    if not console.is_terminal:
        for group in listed:
            for cells in group:
                print("\t".join(cells))  # as it is: rich would make spaces of tabs
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
    """Return how many cells each column gets, so that all fit."""
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
    """Return lines of whole words, at least one; a longer word is cut."""
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
