"""Shows images and matches in a notebook: thumbnails, reasons, outlined regions."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

_MOST = 50  # pictures shown: each takes some 25 kB, and a notebook keeps them all
_HEIGHT = 160  # pixels of a row


@dataclass(frozen=True, slots=True)
class Figure:
    """A picture with the lines below it.

    Attributes:
        thumbnail: As WebP; None if there is none to show.
        size: ``(height, width)`` of the image in pixels.
        lines: The text.
        outline: Corners of a part of the image, ``[x, y]`` each, in its pixels.
    """

    thumbnail: bytes | None
    size: tuple[int, int]
    lines: Sequence[str]
    outline: Sequence[Sequence[float]] | None = None

    def html(self) -> str:
        """Return the figure as HTML."""
        height, width = self.size
        shown_width = max(1, round(_HEIGHT * width / height))
        drawn = ""
        if self.thumbnail is not None:
            data = base64.b64encode(self.thumbnail).decode("ascii")
            drawn += (
                f'<image href="data:image/webp;base64,{data}" width="{width}" '
                f'height="{height}" preserveAspectRatio="none"/>'
            )
        if self.outline is not None:
            points = " ".join(f"{float(x):g},{float(y):g}" for x, y in self.outline)
            drawn += (
                f'<polygon points="{points}" fill="none" stroke="#2f6fed" '
                'stroke-width="3" vector-effect="non-scaling-stroke"/>'
            )
        lines = "<br>".join(map(escape, self.lines))
        return (
            f'<figure style="margin:0;max-width:{max(shown_width, _HEIGHT)}px">'
            f'<svg width="{shown_width}" height="{_HEIGHT}" '
            f'viewBox="0 0 {width} {height}" preserveAspectRatio="none">{drawn}</svg>'
            f'<figcaption style="overflow-wrap:anywhere">{lines}</figcaption></figure>'
        )


def figures(shown: Sequence[Figure], said: Sequence[str] = ()) -> str:
    """Return figures side by side, with lines of text below them."""
    left_out = len(shown) - _MOST
    lines = [*said, *([f"and {left_out} more"] if left_out > 0 else [])]
    row = "".join(figure.html() for figure in shown[:_MOST])
    below = "".join(f"<p>{escape(line)}</p>" for line in lines)
    return (
        f'<div style="display:flex;flex-wrap:wrap;gap:12px">{row}</div>{below}'
        if row
        else below
    )
