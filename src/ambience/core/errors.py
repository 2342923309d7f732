"""Every error ambience raises on purpose, each with a sentence that says what to do.

* AmbienceError
  + BadInputError: what was sent can never work, so sending it again won't help
    - NotAnImageError
    - UnsupportedImageError
    - TruncatedImageError
    - TooLargeError
    - TooSlowError
    - BadParameterError
  + NotFoundError: there is no image with this id, or no such service
  + StoredDataError: the data on disk can't be used as it is
    - SpecMismatchError
    - CorruptDataError
  + UnavailableError: a service can't answer now
    - StoppedError
  + FetchError: no image could be fetched from an address on the internet
  + BusyError: another process is working on the same thing
    - TakenOverError
"""


class AmbienceError(Exception):
    """Base class of every error raised on purpose; ``str(error)`` is the sentence."""


class BadInputError(AmbienceError):
    """What was sent can never work, so sending it again won't help."""


class NotAnImageError(BadInputError):
    """The bytes are not an image at all."""


class UnsupportedImageError(BadInputError):
    """It is an image, but of a kind that can't be read here."""


class TruncatedImageError(BadInputError):
    """The bytes of the image are damaged or end too early."""


class TooLargeError(BadInputError):
    """The image exceeds a limit: bytes, pixels, frames, scans or memory."""


class TooSlowError(BadInputError):
    """Decoding the image takes longer than the limit allows."""


class BadParameterError(BadInputError):
    """An option is out of range, or can't be combined with another."""


class NotFoundError(AmbienceError):
    """There is no image with this id, or no such service."""


class StoredDataError(AmbienceError):
    """The data on disk can't be used as it is."""


class SpecMismatchError(StoredDataError):
    """The stored features were made under another specification."""


class CorruptDataError(StoredDataError):
    """One of ambience's own files is damaged."""


class UnavailableError(AmbienceError):
    """A service can't answer now; the sentence says why."""


class StoppedError(UnavailableError):
    """The work was stopped because its caller has left or the process is ending."""


class FetchError(AmbienceError):
    """No image could be fetched from an address; the sentence says what happened."""


class BusyError(AmbienceError):
    """Another process is working on the same thing."""


class TakenOverError(BusyError):
    """Another process has taken over this one's work, and may have finished it."""
