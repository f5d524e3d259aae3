"""Values as people type them: what reads as JSON is JSON, all else is text. Nothing is lost on the way and back."""

import json
from collections.abc import Container
from itertools import chain, count
from typing import Any

from django.utils.translation import gettext as _

from workflows import jsoninput
from workflows.admin.forms import pretty
from workflows.errors import Invalid


class Typed(str):
    """What a person typed where it can't be read; shown again as it was."""

    #: Why.
    error: Any = ""


def refused(text: str, why: Any) -> Typed:
    found = Typed(text)
    found.error = why
    return found


def read_json(text: str) -> Any:
    try:
        return jsoninput.loads(text)
    except Invalid as error:
        return refused(text, f"{error.field}: {error}" if error.field else str(error))


def read_any(text: str) -> Any:
    """ "" is null, `12`, `true`, `"12"`, `[...]` and `{...}` are JSON, and `{{...}}` or other words a text."""
    text = text.replace("\r\n", "\n")
    stripped = text.strip()
    if not stripped:
        return text or None
    if stripped[0] in "[{" and not stripped.startswith("{{"):
        return read_json(text)
    try:
        found = jsoninput.loads(text)
    except Invalid:
        return text
    return text if isinstance(found, dict | list) else found


def show_any(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        found = value if isinstance(value, Typed) else read_any(value)
        plain = found == value and (type(found) is str or isinstance(value, Typed))
        return value if plain else json.dumps(value, ensure_ascii=False)
    return pretty(value)


def unused(key: str, taken: Container[str]) -> str:
    """The key, with a number where it is taken: nothing that was filled in is lost."""
    return next(each for each in chain([key], (f"{key}{number}" for number in count(2))) if each not in taken)


def one_line(value: Any) -> str:
    """As `show_any`, for a control that holds no line breaks."""
    shown = show_any(value)
    return json.dumps(value, ensure_ascii=False) if "\n" in shown and not isinstance(value, Typed) else shown


def read_number(text: str, whole: bool) -> Any:
    """None for nothing; what is no number stays the text it is, for the kind to refuse."""
    text = text.strip()
    if not text:
        return None
    try:
        return int(text)
    except ValueError:
        pass
    try:
        found = float(text)
    except ValueError:
        return refused(text, _("Give a whole number.") if whole else _("Give a number."))
    return found if found == found and abs(found) != float("inf") else refused(text, _("Give a number."))
