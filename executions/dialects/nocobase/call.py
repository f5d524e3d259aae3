"""One call: what it names, its parameters, its values and who makes it (spec nocobase-http 1.2)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from typing import Any

from django.utils.translation import gettext as _
from rest_framework.request import Request

from executions.dialects.nocobase.grammar import Target
from workflows import jsoninput
from workflows.errors import Invalid
from workflows.filters import is_empty
from workflows.listing.pages import as_id

#: Rows that one call may change or delete by a filter.
MOST_KEYS = 1_000


@dataclass
class Call:
    request: Request
    target: Target
    action: str
    params: dict[str, Any] = field(default_factory=dict)
    #: The body as it was sent; `values` is for those who want an object.
    body: Any = None
    user: Any = None
    tz: tzinfo = UTC

    @property
    def values(self) -> dict[str, Any]:
        """Raises `Invalid` for a body that is no object. Without what may not be written."""
        if self.body is None:
            return {}
        if not isinstance(self.body, Mapping):
            raise Invalid(_("The body is an object of columns and values."))
        allowed, forbidden = self.names("whitelist"), set(self.names("blacklist"))
        return {
            name: value
            for name, value in self.body.items()
            if name not in forbidden and (not allowed or name in allowed)
        }

    def names(self, parameter: str) -> list[str]:
        """A list of names, sent as an array or with commas. Raises `Invalid`."""
        raw = self.params.get(parameter)
        items = raw.split(",") if isinstance(raw, str) else [] if raw is None else raw
        if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
            raise Invalid(_("A list of names belongs here."), field=parameter)
        if len(items) > MOST_KEYS:
            raise Invalid(_("There are too many; %d is the most.") % MOST_KEYS, field=parameter)
        return [item.strip() for item in items if item.strip()]

    @property
    def filter(self) -> Any:
        """The filter as an object, or None. Raises `Invalid` for a text that is no JSON."""
        raw = self.params.get("filter")
        if not isinstance(raw, str):
            return raw
        found = jsoninput.loads(raw, "filter")
        if found is not None and not isinstance(found, Mapping):
            raise Invalid(_("A filter is an object of columns and conditions."), field="filter")
        return found

    @property
    def aims(self) -> bool:
        """Whether it says which rows it means; an empty filter would mean all."""
        return bool(self.given_keys) or not is_empty(self.filter)

    @property
    def given_keys(self) -> list[Any]:
        """The keys as they were given."""
        raw: Any = self.target.pk if self.target.pk is not None else self.params.get("filterByTk")
        if isinstance(raw, str) and raw[:1] in "[{" and raw:
            raw = jsoninput.loads(raw, "filterByTk")
        if isinstance(raw, Mapping):
            raw = list(raw.values())
        items = raw if isinstance(raw, list) else [raw]
        if len(items) > MOST_KEYS:
            raise Invalid(_("There are too many; %d is the most.") % MOST_KEYS, field="filterByTk")
        return [item for item in items if item not in (None, "")]

    def key(self) -> Any:
        """The one row that is meant. Raises `Invalid` where none or several are."""
        keys = self.given_keys
        if len(keys) != 1:
            raise Invalid(
                _("filterByTk is required") if not keys else _("Name one row by filterByTk."), field="filterByTk"
            )
        return keys[0]

    def whole(self, parameter: str) -> int | None:
        """A whole number of the query, or None. Raises `Invalid`."""
        raw = self.params.get(parameter)
        if raw in (None, ""):
            return None
        text = raw.strip() if isinstance(raw, str) else ""
        if not text.removeprefix("-").isdecimal() or not text.isascii() or len(text) > 10:
            raise Invalid(_("A whole number belongs here."), field=parameter)
        return int(text)

    def flag(self, parameter: str) -> bool:
        """Whether it is set; as there, 1 sets it, and as the documents say, true."""
        return self.params.get(parameter) in ("1", "true")


def to_id(raw: Any) -> int | None:
    """None for what can't be an id: ids may be sent as texts."""
    return as_id(str(raw)) if isinstance(raw, str | int) and not isinstance(raw, bool) else None
