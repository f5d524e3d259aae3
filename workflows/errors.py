"""Every error a caller may see: a sentence with a remedy, and a stable code."""

from collections.abc import Callable, Sequence
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
    """A value is not acceptable; `errors` maps dotted paths to sentences, `codes` those with a code of their own."""

    code = "invalid"

    def __init__(self, message: Any, *, field: str | None = None, errors: dict[str, Any] | None = None) -> None:
        super().__init__(message, field=field)
        self.errors: dict[str, Any] = errors if errors is not None else ({field: message} if field else {})
        self.codes: dict[str, str] = {}


class Frozen(SluiceError):
    """The version has runs and is read-only: make a new version."""

    code = "frozen"
    status = 409


class NotFound(SluiceError):
    """There is no such object."""

    code = "not_found"
    status = 404


class Forbidden(SluiceError):
    """It is somebody else's to do."""

    code = "permission_denied"
    status = 403


class Refused(SluiceError):
    """The operation does not fit the object's present state, which the message names."""

    code = "refused"
    status = 409


class Busy(SluiceError):
    """A worker holds the run; the same call may succeed in a moment."""

    code = "busy"
    status = 409


class BadToken(SluiceError):
    """A token that is expired, revoked, forged or not meant for this use: sign in again."""

    code = "token_invalid"
    status = 401


class Moved(SluiceError):
    """The object has changed since the caller read it: read it again."""

    code = "changed"
    status = 412


class KeyReused(SluiceError):
    """An idempotency key came a second time with another request."""

    code = "key_reused"
    status = 422


class TooLarge(SluiceError):
    """More was sent than is taken."""

    code = "too_large"
    status = 413


def entry(field: str | None, code: str, message: Any) -> dict[str, Any]:
    """One error as every face of ours tells it."""
    return {"field": field or None, "code": code, "message": str(message)}


def entries(error: SluiceError) -> list[dict[str, Any]]:
    """What is told of an error: an entry for each path at fault."""
    if isinstance(error, Invalid) and error.errors:
        return [entry(path, error.codes.get(path, error.code), text) for path, text in error.errors.items()]
    return [entry(error.field, error.code, error.message)]


def placed(path: str | None, message: Any) -> str:
    """The sentence with its path before it, unless it begins with it already or there is none."""
    text = str(message)
    return text if not path or text.startswith(f"{path}:") else f"{path}: {text}"


def refuse(errors: dict[str, Any]) -> None:
    """Raises `Invalid` with these sentences by path; nothing where there are none."""
    if errors:
        first = next(iter(errors))
        raise Invalid(f"{first}: {errors[first]}", field=first, errors=errors)


def check_all(*checks: Callable[[], Any]) -> None:
    """Makes every check, and raises what they refuse as one `Invalid`: people mend a form in one go."""
    found: list[Invalid] = []
    for check in checks:
        try:
            check()
        except Invalid as error:
            found.append(error)
    if len(found) == 1:
        # Itself, for its class and what else it carries (an expression's position).
        raise found[0]
    if found:
        raise _joined(found)


def _joined(found: Sequence[Invalid]) -> Invalid:
    """One error of several; of two sentences for one path the first stays."""
    first = found[0]
    joined = Invalid(first.message, field=first.field, errors={})
    for error in found:
        for path, message in (error.errors or {error.field or "": error.message}).items():
            joined.errors.setdefault(path, message)
            joined.codes.setdefault(path, error.codes.get(path, error.code))
    return joined
