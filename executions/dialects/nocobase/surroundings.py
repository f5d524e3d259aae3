"""What headers say of a request: its language and its time zone (spec 1.3)."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, timedelta, timezone, tzinfo

from django.http import HttpRequest
from django.utils import translation
from django.utils.translation import gettext as _

from workflows.errors import Invalid

_LOCALE = re.compile(r"(?:^|&)locale=([A-Za-z_-]{1,20})(?:&|$)")
_OFFSET = re.compile(r"([+-])(\d\d):?(\d\d)\Z")


@contextmanager
def speaking(request: HttpRequest) -> Iterator[None]:
    """Messages in the language that is asked for; of one that there is not, in the project's."""
    # The query is read later: one that can't be is answered in the shape of errors.
    named = _LOCALE.search(request.META.get("QUERY_STRING", ""))
    wanted = request.headers.get("X-Locale") or (named[1] if named else "")
    try:
        language = translation.get_supported_language_variant(wanted.replace("_", "-").lower())
    except LookupError:
        yield
        return
    with translation.override(language):
        yield


def zone_of(request: HttpRequest) -> tzinfo:
    """The zone of dates without one. Raises `Invalid` for an offset that is none."""
    text = request.headers.get("X-Timezone", "").strip()
    if not text:
        return UTC
    found = _OFFSET.match(text)
    hours, minutes = (int(found[2]), int(found[3])) if found else (99, 99)
    if found is None or hours > 14 or minutes > 59:
        raise Invalid(_('Give an offset such as "+08:00".'), field="X-Timezone")
    shift = timedelta(hours=hours, minutes=minutes)
    return timezone(-shift if found[1] == "-" else shift)
