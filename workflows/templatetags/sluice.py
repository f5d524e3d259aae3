"""Values of JSON columns, and moments, as people read them."""

import json
from datetime import datetime
from typing import Any

from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

register = template.Library()

#: Characters of one value on a page; the API gives the whole.
SHOWN = 20_000


@register.filter
def sluice_value(value: Any) -> str:
    """On one line."""
    return _cut(json.dumps(value, ensure_ascii=False))


@register.filter
def sluice_json(value: Any) -> str:
    """Indented."""
    return _cut(json.dumps(value, ensure_ascii=False, indent=2))


@register.filter(name="sluice_moment")
def moment(when: datetime | None) -> SafeString | str:
    """To the second, in the reader's time zone; runs are told apart by less than minutes."""
    if when is None:
        return ""
    local = timezone.localtime(when)
    return format_html('<time datetime="{}">{}</time>', local.isoformat(), f"{local:%Y-%m-%d %H:%M:%S}")


def _cut(text: str) -> str:
    if len(text) <= SHOWN:
        return text
    return text[:SHOWN] + "\n" + _("... %d more characters") % (len(text) - SHOWN)
