"""FDL's Retry as a node's policy."""

from typing import Any

from django.utils.translation import gettext as _

from workflows.transfer.fdl.fields import Fields, path

ALL = "FnF.ALL"
_LONGEST = 86_400
_MOST_ATTEMPTS = 99


def retry(fields: Fields) -> dict[str, Any] | None:
    """The policy of a state's Retry, None without one. Errors have no names here: a rule is for all of them."""
    rules = fields.items("Retry")
    if not rules:
        return None
    place = fields.at("Retry")
    rule = Fields(rules[0], path(place, 0), fields.faults)
    if ALL not in rule.items("Errors", required=True):
        rule.tell("Errors", _("Errors are not told apart by their names here; a rule is for %s.") % ALL)
    for index in range(1, len(rules)):
        sentence = _("Only the first rule is used, and it must be for %s, which is every error; remove this one.")
        fields.faults.tell(path(place, index), sentence % ALL, fatal=ALL not in (rule.get("Errors") or []))
    if rule.get("MaxAttempts") is None:
        rule.tell("MaxAttempts", _("Say how often to try again."))
    times = rule.number("MaxAttempts", 0, _MOST_ATTEMPTS, 0)
    found = {
        "attempts": times + 1,
        "interval": 1_000 * rule.number("IntervalSeconds", 0, _LONGEST, 1),
        "backoff": rule.number("BackoffRate", 1, 10, 1, whole=False),
        "maxInterval": 1_000 * rule.number("MaxBackoffSeconds", 0, _LONGEST, _LONGEST),
    }
    rule.no_more(("Description",))
    return {"retry": found}
