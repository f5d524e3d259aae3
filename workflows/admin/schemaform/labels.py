"""Names of settings and of their choices as people read them; what is not listed is spelled out of its key."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _

from workflows.statuses import JobStatus

_LABELS: Mapping[str, Any] = {
    "": "",
    "aggregator": _("Aggregate"),
    "appends": _("Relations loaded along"),
    "arguments": _("Arguments"),
    "assignees": _("Assignees"),
    "associated": _("Of associated rows"),
    "attempts": _("Attempts"),
    "body": _("Body"),
    "calculation": _("Conditions"),
    "collection": _("Collection"),
    "condition": _("Condition"),
    "conditions": _("Cases"),
    "content": _("Content"),
    "contentType": _("Content type"),
    "continueOnNoMatch": _("Go on where no case matches"),
    "data": _("Data"),
    "description": _("Description"),
    "direction": _("Direction"),
    "distinct": _("Distinct values only"),
    "duration": _("Duration"),
    "endStatus": _("Ends as"),
    "engine": _("Engine"),
    "exit": _("When a round fails"),
    "expression": _("Expression"),
    "failOnEmpty": _("Fail where nothing is found"),
    "field": _("Field"),
    "filter": _("Filter"),
    "headers": _("Headers"),
    "ignoreFail": _("Go on after a failure"),
    "individualHooks": _("Save rows one by one"),
    "interval": _("Interval"),
    "method": _("Method"),
    "mode": _("Mode"),
    "multiple": _("Several rows"),
    "name": _("Name"),
    "onError": _("After an error"),
    "onLost": _("When a call is lost"),
    "onlyData": _("Only the answer's data"),
    "page": _("Page"),
    "pageSize": _("Rows on a page"),
    "params": _("Parameters"),
    "path": _("Path"),
    "precision": _("Decimals"),
    "rejectOnFalse": _("End the run where it is false"),
    "retry": _("Retry"),
    "sort": _("Order"),
    "source": _("Source"),
    "steps": _("Steps"),
    "subject": _("Subject"),
    "target": _("Target"),
    "timeout": _("Time-out"),
    "title": _("Title"),
    "unit": _("Unit"),
    "value": _("Value"),
    "values": _("Values"),
    "variables": _("Variables"),
    "workflow": _("Workflow"),
}

_STATUSES = {int(status): status.label for status in JobStatus}
_CHOICES: Mapping[str, Mapping[Any, Any]] = {
    "unit": {
        1000: _("seconds"), 60_000: _("minutes"), 3_600_000: _("hours"), 86_400_000: _("days"), 604_800_000: _("weeks"),
    },
    "endStatus": _STATUSES,
    "statuses": _STATUSES,
    "exit": {0: _("The loop fails too"), 1: _("The loop ends"), 2: _("The loop goes on")},
    "checkpoint": {0: _("Before the first round"), 1: _("After each round")},
    "aggregator": {
        "count": _("count"), "sum": _("sum"), "avg": _("average"), "min": _("minimum"), "max": _("maximum"),
    },
    "engine": {"basic": _("Comparisons"), "math.js": "math.js", "formula.js": "formula.js", "cel": "CEL"},
    "direction": {"asc": _("ascending"), "desc": _("descending")},
}  # fmt: skip


def label_of(key: str) -> Any:
    if key in _LABELS:
        return _LABELS[key]
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|_", " ", key).strip()
    return words[:1].upper() + words[1:].lower()


#: Of numbers that mean one thing here and another there: by all that can be chosen.
_MODES: Mapping[frozenset[Any], Mapping[Any, Any]] = {
    frozenset({1, 2, 3, 4}): {
        1: _("a row was created"), 2: _("a row was changed"), 3: _("a row was created or changed"),
        4: _("a row was deleted"),
    },
    frozenset({0, 1}): {0: _("set times"), 1: _("a date of each row")},
    frozenset({0, 1, -1}): {0: _("the first answer counts"), 1: _("all must agree"), -1: _("one agreement is enough")},
}  # fmt: skip


def choice_label(key: str, value: Any, values: Iterable[Any]) -> Any:
    known = _MODES.get(frozenset(values), {}) if key == "mode" else _CHOICES.get(key, {})
    return known.get(value, str(value))
