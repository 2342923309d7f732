"""Shows text from elsewhere, such as names of files, so that no terminal obeys it."""

import logging
import re

# Control characters, which move the cursor or set a title; marks that turn the
# direction of text, and with it the sense of a name; ends of lines and paragraphs; and
# halves of characters, which stand for bytes that are no text.
_UNSHOWN = (
    r"\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff"
)
_ANY = re.compile(f"[{_UNSHOWN}]")
_ANY_IN_LINES = re.compile(f"(?!\n)[{_UNSHOWN}]")


def shown(text: object) -> str:
    r"""Return text in one line, with ``\x1b`` in place of an escape character."""
    return _ANY.sub(_escaped, str(text))


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\u{code:04x}" if code > 0xFF else f"\\x{code:02x}"  # noqa: PLR2004 -- a byte


class ShownFormatter(logging.Formatter):
    """Formats what is logged: a message in one line, and tracebacks in theirs."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 -- logging's
        """Return the line of a record."""
        record.message = shown(record.message)
        return super().formatMessage(record)

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record, and the traceback that it may have."""
        return _ANY_IN_LINES.sub(_escaped, super().format(record))
