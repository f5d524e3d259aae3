"""Lists must not tell what is masked: a filter that asks for marked values asks for the permission to see them."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from executions.listing.searching import AttributeFilter, PathFilter, TextSearchFilter
from workflows import ambient, sensitivity
from workflows.errors import Invalid
from workflows.models import Workflow
from workflows.sensitivity import CONTEXT, PERMISSION, Mark
from workflows.templating import references

if TYPE_CHECKING:
    from executions.listing.filtersets import ExecutionFilter


def check_marked(filters: "ExecutionFilter") -> None:
    """Raises `Invalid` where a parameter could tell a marked value to who may not see it. One query at most, and none
    for lists without such parameters."""
    asked = {name: filters.filters[name] for name in filters.given if _may_tell(name, filters.filters[name])}
    user = getattr(filters.request, "user", None) or ambient.actor()
    if not asked or user is None or user.has_perm(PERMISSION):
        return
    names = sensitivity.field_names()
    declared = _declared(filters, names)
    marks = frozenset(mark for _options, own in declared for mark in own)
    if not names and not marks:
        return
    sentence = _("This may ask for values that are masked; you need the permission %s.") % PERMISSION
    wrong = {name: sentence for name, found in asked.items() if _tells(name, found, names, marks, declared)}
    if wrong:
        field = next(iter(wrong))
        raise Invalid(sentence, field=field, errors=wrong)


def _may_tell(name: str, found: Any) -> bool:
    return name == "lane" or isinstance(found, PathFilter | TextSearchFilter | AttributeFilter)


def _declared(filters: "ExecutionFilter", names: frozenset[str]) -> list[tuple[dict[str, Any], frozenset[Mark]]]:
    """(options, marks of all its versions) of each version that the list may show runs of, and that matters here."""
    rows = Workflow.objects.order_by()
    if not names:
        # Without marked fields only those count that mark something themselves.
        rows = rows.filter(key__in=Workflow.objects.filter(options__has_key="sensitive").values("key"))
    if "key" in filters.given:
        rows = rows.filter(key__in=filters.given["key"])
    if "workflow" in filters.given:
        rows = rows.filter(key__in=Workflow.objects.filter(pk__in=filters.given["workflow"]).values("key"))
    found = list(rows.values_list("key", "options"))
    marks: dict[str, frozenset[Mark]] = {}
    for key, options in found:
        marks[key] = marks.get(key, frozenset()) | sensitivity.marks_in(options)
    return [(options, marks[key]) for key, options in found]


def _tells(
    name: str,
    found: Any,
    names: frozenset[str],
    marks: frozenset[Mark],
    declared: list[tuple[dict[str, Any], frozenset[Mark]]],
) -> bool:
    if isinstance(found, TextSearchFilter):
        return True
    if isinstance(found, PathFilter):
        found.scalar = True
        if names & {*found.parts}:
            return True
        # An output may repeat what is marked wherever it likes.
        return bool(marks) if found.column == "output" else sensitivity.touches(marks, (CONTEXT, *found.parts))
    for options, own in declared:
        template = _lane(options) if name == "lane" else _attribute(options, found.attribute)
        if template and _reads(template, names, own):
            return True
    return False


def _lane(options: dict[str, Any]) -> Any:
    """Whatever its runs' lane may be made of."""
    limits = [options.get(name) for name in ("concurrency", "rate")]
    return [options.get("lane"), *(limit.get("key") for limit in limits if isinstance(limit, dict))]


def _attribute(options: dict[str, Any], name: str) -> Any:
    known = options.get("searchAttributes") or options.get("search_attributes")
    return known.get(name) if isinstance(known, dict) else None


def _reads(template: Any, names: frozenset[str], marks: Iterable[Mark]) -> bool:
    """Whether a template asks for something that is marked, or for what holds it."""
    for reference in references({"template": template}):
        if names & {*reference.segments} or sensitivity.touches(marks, reference.segments):
            return True
    return False
