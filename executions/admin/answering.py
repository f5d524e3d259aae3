"""A task's forms on its page: what was typed becomes an answer, and what that refuses shows at the fields."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from django import forms
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from executions.inbox.forms import as_json, form_class
from executions.inbox.kinds import FormAction, TaskForm
from workflows.admin.forms import JsonField, add_errors
from workflows.errors import Invalid, SluiceError

R = TypeVar("R")

#: The one field of a form that takes any values.
_ANY = "values"


@dataclass
class Part:
    """A form of the page; `chosen` is the button that was pressed in it."""

    shown: TaskForm
    form: forms.Form
    chosen: FormAction | None


def part_of(request: HttpRequest, shown: TaskForm) -> Part:
    chosen = None
    if request.method == "POST" and request.POST.get("form") == shown.key:
        chosen = next((each for each in shown.actions if each.key == request.POST.get("_")), None)
    fields: dict[str, Any] = _free() if shown.fields is None else shown.fields
    optional = fields if chosen is not None and chosen.status == 0 else ()
    initial = {_ANY: shown.values} if shown.fields is None else shown.values
    data = request.POST if chosen is not None else None
    form = form_class(fields, optional)(data=data, initial=initial, prefix=shown.key)
    return Part(shown, form, chosen)


def _free() -> dict[str, forms.Field]:
    return {_ANY: JsonField(label=_("Values"), required=False, help_text=_("A JSON object of fields and values."))}


def answered(part: Part, submit: Callable[[Any], R]) -> R | None:
    """What `submit` answers; None where something is to be mended, which the form then tells."""
    assert part.chosen is not None
    if not part.form.is_valid():
        return None
    if part.shown.fields is None:
        values = part.form.cleaned_data[_ANY] or {}
    else:
        values = {name: as_json(value) for name, value in part.form.cleaned_data.items()}
    try:
        return submit({part.shown.key: values, "_": part.chosen.key})
    except SluiceError as error:
        add_errors(part.form, _at_fields(error, f"result.{part.shown.key}."))
        return None


def _at_fields(error: SluiceError, before: str) -> SluiceError:
    """The error with paths that begin at the form's fields."""
    if not isinstance(error, Invalid):
        return error
    below = {path.removeprefix(before): text for path, text in error.errors.items()}
    return Invalid(error.message, field=next(iter(below), None), errors=below)
