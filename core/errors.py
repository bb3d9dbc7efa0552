"""The errors a setter can act on.

Every error carries a stable ``code`` for programs, an HTTP ``status`` for the REST face, a
sentence that says what is wrong and a ``hint`` that says what to do next. Programming mistakes are
not wrapped here: they stay ordinary exceptions.
"""

from __future__ import annotations


class ClimbMateError(Exception):
    """Base of every error shown to a person.

    ``code`` is a stable lower-case word for programs, ``message`` one full sentence, ``hint`` the
    next step; message and hint are plain text without markup.
    """

    status = 500

    def __init__(self, code: str, message: str, hint: str = "") -> None:
        # All three go to Exception, so that pickling (a child process reporting back) works.
        super().__init__(code, message, hint)
        self.code = code
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()

    def document(self) -> dict[str, object]:
        """The one JSON shape of an error, the same on every face of the product."""
        return {
            "ok": False,
            "error": {"code": self.code, "message": self.message, "hint": self.hint},
        }


class PhotoError(ClimbMateError):
    """The upload cannot become pixels."""

    status = 422


class PhotoTooLargeError(PhotoError):
    """The upload exceeds a limit that is checked before decoding."""

    status = 413


class ModelError(ClimbMateError):
    """A model file is missing, damaged, of the wrong kind, or cannot be converted."""

    status = 503


class ChoiceError(ClimbMateError):
    """A request asks for a setting of its own that cannot be used."""

    status = 422


class BusyError(ClimbMateError):
    """The service cannot answer now; the same request may succeed ``retry_after_s`` seconds later.

    ``retry_after_s`` is a whole number from 1, ready for the header ``Retry-After``.
    """

    status = 503

    def __init__(self, code: str, message: str, hint: str = "", retry_after_s: int = 5) -> None:
        super().__init__(code, message, hint)
        self.retry_after_s = retry_after_s


class QueueFullError(BusyError):
    """As many requests wait already as may wait."""


class DeadlineError(BusyError):
    """The answer was not there when the request's time was up."""


class NotReadyError(BusyError):
    """The service has not begun yet, or is being closed."""


class MemoryRefusedError(BusyError):
    """The photo's analysis would need more memory than is left; refused before it is decoded."""


class SettingsError(ClimbMateError):
    """An environment variable has a value that cannot be used."""

    status = 500


class OutputError(ClimbMateError):
    """A result cannot be written where it was asked for."""

    status = 500


class EditError(ClimbMateError):
    """A setter's edit of a wall cannot be made as asked."""

    status = 422


class ReviewFileError(ClimbMateError):
    """A saved review cannot be opened again, or belongs to another photo."""

    status = 422
