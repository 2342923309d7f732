"""Escapes text from elsewhere, such as file names, so that terminals don't obey it."""

import logging
import re

# Control characters, which move the cursor or set a title; marks that change the
# direction of text, which can disguise a name; line and paragraph separators; and
# surrogates, which stand for bytes that are not text.
_UNSHOWN = (
    r"\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff"
)
_BYTE = 0xFF
_ANY = re.compile(f"[{_UNSHOWN}]")
_ANY_IN_LINES = re.compile(f"(?!\n)[{_UNSHOWN}]")


def shown(text: object) -> str:
    r"""Return text in one line, with control characters escaped as in ``\x1b``."""
    return _ANY.sub(_escaped, str(text))


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\u{code:04x}" if code > _BYTE else f"\\x{code:02x}"


class ShownFormatter(logging.Formatter):
    """Formats log records: the message in one line, tracebacks in several."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 -- logging's
        """Return the line of a record."""
        record.message = shown(record.message)
        return super().formatMessage(record)

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record, and its traceback if it has one."""
        return _ANY_IN_LINES.sub(_escaped, super().format(record))
