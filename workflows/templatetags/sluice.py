"""Values of JSON columns as people read them."""

import json
from typing import Any

from django import template
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


def _cut(text: str) -> str:
    if len(text) <= SHOWN:
        return text
    return text[:SHOWN] + "\n" + _("... %d more characters") % (len(text) - SHOWN)
