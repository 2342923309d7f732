"""Every error ambience raises on purpose, each with a sentence that says what to do.

* AmbienceError
  + BadInputError: what was sent can never work; sending it again will not help
    - NotAnImageError
    - UnsupportedImageError
    - TruncatedImageError
    - TooLargeError
    - TooSlowError
    - BadParameterError
  + NotFoundError: nothing is known under this image id, or no such service
  + StoredDataError: what is on disk can't be used as it is
    - SpecMismatchError
    - CorruptDataError
  + UnavailableError: a service can't answer now
    - StoppedError
  + FetchError: an address on the internet gave no image
  + BusyError: another process is at work on the same thing
    - TakenOverError
"""


class AmbienceError(Exception):
    """Base class of every error raised on purpose; ``str(error)`` is the sentence."""


class BadInputError(AmbienceError):
    """What was sent can never work; sending it again will not help."""


class NotAnImageError(BadInputError):
    """The bytes are not an image at all."""


class UnsupportedImageError(BadInputError):
    """An image, but of a kind that can't be read here."""


class TruncatedImageError(BadInputError):
    """An image whose bytes are damaged or end too early."""


class TooLargeError(BadInputError):
    """More bytes, pixels, frames, scans or memory than the limits allow."""


class TooSlowError(BadInputError):
    """An image whose decoding takes longer than the limit allows."""


class BadParameterError(BadInputError):
    """An option is out of range or doesn't go with another."""


class NotFoundError(AmbienceError):
    """Nothing is known under this image id, or there is no such service."""


class StoredDataError(AmbienceError):
    """What is on disk can't be used as it is."""


class SpecMismatchError(StoredDataError):
    """Stored features were made under another specification."""


class CorruptDataError(StoredDataError):
    """A file of ours is damaged."""


class UnavailableError(AmbienceError):
    """A service can't answer now; the sentence says why."""


class StoppedError(UnavailableError):
    """Work was ended, as who asked for it is gone or the process ends."""


class FetchError(AmbienceError):
    """An address on the internet gave no image; the sentence says what it did."""


class BusyError(AmbienceError):
    """Another process is at work on the same thing."""


class TakenOverError(BusyError):
    """Another process goes on with what this one began, and has ended it perhaps."""
