"""Forms whose last step of validation is the operation itself: what it refuses stands at the field at fault."""

import json
from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from workflows import jsoninput
from workflows.errors import Invalid, Moved, SluiceError, placed
from workflows.history import LONGEST_REASON


class JsonField(forms.JSONField):
    """A JSON object in a text area, indented; empty is an empty one."""

    widget = forms.Textarea
    #: Whether other JSON than an object will do.
    any_value = False

    def __init__(self, **kwargs: Any) -> None:
        # A callable default would make Django keep a hidden copy of the text beside it.
        super().__init__(**{**kwargs, "show_hidden_initial": False})
        self.widget.attrs.update({"class": "vLargeTextField sluice-json", "rows": 14, "spellcheck": "false"})

    def to_python(self, value: Any) -> Any:
        if self.disabled:
            return value
        if not isinstance(value, str) or not value.strip():
            return {}
        try:
            found = jsoninput.loads(value)
        except Invalid as error:
            sentence = f"{error.field}: {error}" if error.field else str(error)
            # Shown again as it was typed; otherwise Django would encode the text once more.
            raise ValidationError(sentence, code="invalid") from None
        if not self.any_value and not isinstance(found, dict):
            raise ValidationError(_("Give an object of keys and values."), code="invalid")
        return found

    def bound_data(self, data: Any, initial: Any) -> Any:
        return initial if self.disabled else _Typed(data or "")

    def prepare_value(self, value: Any) -> Any:
        return value if isinstance(value, _Typed) else pretty(value)

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return bool(self.to_python(data) != initial)
        except ValidationError:
            return True


class ReasonField(forms.CharField):
    """Why somebody does it; kept in the history."""

    def __init__(self, **kwargs: Any) -> None:
        known = {
            "label": _("Reason"),
            "required": False,
            "max_length": LONGEST_REASON,
            "widget": forms.Textarea({"rows": 2, "class": "vLargeTextField"}),
            "help_text": _("Kept in the history."),
        }
        super().__init__(**{**known, **kwargs})


class ReasonForm(forms.Form):
    """What a page asks before something is done for which there is no way back; valid once it was answered."""

    reason = ReasonField()

    @classmethod
    def of(cls, request: HttpRequest) -> "ReasonForm":
        return cls(request.POST if "confirmed" in request.POST else None)


class _Typed(str):
    """What a person typed, valid or not."""


def pretty(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


def add_errors(form: forms.BaseForm, error: SluiceError) -> None:
    """Puts an operation's errors at the form's fields; the sentence names by a dotted path what lies inside a field.

    The form's `aliases` tell which field stands for a name that is none of its own; other errors belong to the form.
    """
    found = error.errors if isinstance(error, Invalid) and error.errors else {error.field or "": error.message}
    aliases: Mapping[str, str] = getattr(form, "aliases", {})
    if isinstance(error, Moved):
        form.moved = True  # type: ignore[attr-defined]
    for path, message in found.items():
        head, _dot, rest = path.partition(".")
        field: str | None = aliases.get(head, head)
        if field not in form.fields:
            field, rest = None, path
        sentence = str(message)
        told = getattr(form.fields[field].widget, "errors", None) if field else None
        if told is not None:
            # Also at the control inside the field.
            told.setdefault(rest, sentence)
        form.add_error(field, placed(rest, sentence))


class OperationForm(forms.ModelForm):  # type: ignore[type-arg]
    """A model's form that never saves the instance itself: `operate` does, as the last step of validation."""

    #: Set by the admin for the request: who saves, and what a button that saves nothing has sent.
    by: Any = None
    draft: Any = None
    saved: Any = None

    def full_clean(self) -> None:
        super().full_clean()
        if self.is_bound and not self.errors and self.saved is None:
            try:
                self.saved = self.operate(self.instance.pk is None)
            except SluiceError as error:
                add_errors(self, error)

    def operate(self, adding: bool) -> Any:
        """Does what the form says and answers the saved row. Raises `SluiceError`."""
        raise NotImplementedError

    def changed(self) -> dict[str, Any]:
        return {name: self.cleaned_data[name] for name in self.changed_data}

    def save(self, commit: bool = True) -> Any:
        return self.saved
