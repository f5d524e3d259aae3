"""Every error a caller may see: a sentence with a remedy, and a stable code."""

from typing import Any


class SluiceError(Exception):
    """The base of all errors that a person or client may be shown.

    `code` is stable; `status` is the HTTP status the faces answer with; `field` is the dotted path of the value at
    fault, where there is one.
    """

    code = "error"
    status = 400

    def __init__(self, message: Any, *, field: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        if code is not None:
            self.code = code

    def __str__(self) -> str:
        return str(self.message)


class Invalid(SluiceError):
    """A value is not acceptable; `errors` maps dotted paths to sentences."""

    code = "invalid"

    def __init__(self, message: Any, *, field: str | None = None, errors: dict[str, Any] | None = None) -> None:
        super().__init__(message, field=field)
        self.errors: dict[str, Any] = errors if errors is not None else ({field: message} if field else {})


class Frozen(SluiceError):
    """The version has runs and is read-only: make a new version."""

    code = "frozen"


class NotFound(SluiceError):
    """There is no such object."""

    code = "not_found"
    status = 404


class Refused(SluiceError):
    """The operation does not fit the object's present state, which the message names."""

    code = "refused"
    status = 409


class Busy(SluiceError):
    """A worker holds the run; the same call may succeed in a moment."""

    code = "busy"
    status = 409
