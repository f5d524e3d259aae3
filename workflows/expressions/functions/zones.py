"""Reading dates where people live: in Django's current time zone."""

from datetime import date, datetime
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from workflows.expressions.errors import ExpressionError
from workflows.expressions.operators import shown
from workflows.expressions.values import moment


def local(when: datetime) -> datetime:
    return when.astimezone(timezone.get_current_timezone())


def read(value: Any, name: str) -> datetime:
    """The point in time, in the current zone. Raises `ExpressionError` for what is no date."""
    when = moment(value)
    if when is None:
        raise ExpressionError(
            _("%(name)s() needs a date, not %(value)s; write one like 2024-05-31 or 2024-05-31T08:00:00Z.")
            % {"name": name, "value": shown(value)}
        )
    return local(when)


def is_day(value: Any) -> bool:
    """Whether the value is a date without a time of day."""
    return (isinstance(value, date) and not isinstance(value, datetime)) or (
        isinstance(value, str) and len(value.strip()) <= 10
    )


def like(when: datetime, model: Any) -> date | datetime:
    """The moment as precise as the value it was made of: a day stays a day."""
    return when.date() if is_day(model) else when
