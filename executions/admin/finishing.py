"""Ending a job that waits, by hand: the forms, and what they lead to."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from executions import operations
from executions.models import Job
from workflows.admin.forms import JsonField, ReasonField
from workflows.statuses import JobStatus


class ResultField(JsonField):
    """JSON; nothing is null."""

    any_value = True

    def to_python(self, value: Any) -> Any:
        blank = value is None or (isinstance(value, str) and not value.strip())
        return None if blank else super().to_python(value)

    def prepare_value(self, value: Any) -> Any:
        return "" if value is None else super().prepare_value(value)


class CompleteForm(forms.Form):
    result = ResultField(
        label=_("Result"), required=False, help_text=_("What the node gives to those after it, as JSON; empty is null.")
    )
    reason = ReasonField()


class FailForm(forms.Form):
    status = forms.TypedChoiceField(
        label=_("Ends as"),
        coerce=int,
        choices=[(status.value, status.label) for status in JobStatus if status < 0],
        initial=JobStatus.FAILED.value,
    )
    result = ResultField(
        label=_("Result"), required=False, help_text=_('As JSON; {"message": "..."} is told as the error.')
    )
    reason = ReasonField()


@dataclass(frozen=True)
class Finish:
    """One way to end a waiting job."""

    name: str
    title: Any
    question: Any
    done: Any
    form: type[forms.Form]
    operate: Callable[..., Job]


FINISHES = (
    Finish(
        "complete",
        _("Complete"),
        _("Complete job %(number)s of #%(id)s (%(node)s)"),
        _("Completed job %(number)s of #%(id)s; the execution goes on."),
        CompleteForm,
        operations.complete_job,
    ),
    Finish(
        "fail",
        _("Fail this job"),
        _("Fail job %(number)s of #%(id)s (%(node)s)"),
        _("Failed job %(number)s of #%(id)s."),
        FailForm,
        operations.fail_job,
    ),
)
