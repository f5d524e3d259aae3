"""A body of FunctionGraph's create-workflow call read into a definition of ours (spec cloud-dialects 4.3)."""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from workflows import jsoninput
from workflows.errors import Invalid
from workflows.models import Workflow, default_options
from workflows.transfer.functiongraph.flow import WORKFLOW, Flow, objects, taken_apart
from workflows.transfer.functiongraph.laying import laid
from workflows.transfer.readers import Definition

_MODES = {None: False, "": False, "NORMAL": False, "EXPRESS": True}
#: What changes nothing of what runs here.
_PASSED_OVER = frozenset(("enterprise_project_id", "express_config"))
_KNOWN = frozenset(
    ("name", "description", "start", "triggers", "functions", "states", "constants", "retries", "mode",
     "enable_stream_response")
)  # fmt: skip
#: What a rendering of ours says of a workflow besides: name -> (the column, what a value is).
_OURS = {
    "type": ("type", str), "title": ("title", str), "triggerTitle": ("trigger_title", str),
    "timeZone": ("time_zone", str), "config": ("config", dict), "options": ("options", dict),
}  # fmt: skip
_MOST_SHOWN = 80


def detect(text: str) -> bool:
    try:
        return _found(jsoninput.loads(text)) is not None
    except Invalid:
        return False


def read(text: str) -> list[Definition]:
    """The one definition of the text. Raises `Invalid` for what is none of this form."""
    found = _found(jsoninput.loads(text))
    if found is None:
        raise Invalid(_("Give an object with the states of a FunctionGraph workflow."))
    place, raw = found
    flow = taken_apart(raw)
    columns = _columns(flow)
    nodes, places = ([], {}) if flow.broken else laid(flow)
    columns = {**columns, "definition_source": text}
    places |= _places(flow)
    return [Definition(place, columns, nodes, faults=flow.faults, by_name=True, places=places)]


def _found(value: Any) -> tuple[str, Mapping[str, Any]] | None:
    """(place, definition): the text is the definition, or an answer that shows one."""
    places = {"": value, "definition": value.get("definition")} if isinstance(value, Mapping) else {}
    for place, item in places.items():
        if isinstance(item, Mapping) and "type" not in item and isinstance(item.get("states"), list):
            return place, item
    return None


def _columns(flow: Flow) -> dict[str, Any]:
    raw, ours = flow.raw, flow.ours
    flow.passed_over("", raw, _KNOWN | _PASSED_OVER)
    if raw.get("enable_stream_response"):
        flow.fault("enable_stream_response", _("Passed over: answers don't come in parts here."), fatal=False)
    mode = raw.get("mode")
    if not isinstance(mode, str | None) or mode not in _MODES:
        flow.fault("mode", _("Write NORMAL or EXPRESS."))
        mode = None
    if not isinstance(raw.get("description"), str | None):
        flow.fault("description", _("Give a text."))
    _check_triggers(flow)
    name = _name(flow)
    columns: dict[str, Any] = {"type": "manual", "name": name, "sync": _MODES[mode]}
    if isinstance(raw.get("description"), str):
        columns["description"] = raw["description"]
    return columns if ours is None else {**columns, **_ours(flow, ours, name)}


def _name(flow: Flow) -> str | None:
    name = flow.raw.get("name")
    try:
        if not isinstance(name, str) or not name:
            raise ValidationError(_("Give a text."))
        Workflow._meta.get_field("name").run_validators(name)
    except ValidationError as error:
        if not isinstance(name, str) or (flow.ours or {}).get("unnamed") != name:
            flow.fault("name", error.messages[0])
            return None
    return name


def _check_triggers(flow: Flow) -> None:
    for place, trigger in objects(flow, "triggers", flow.raw.get("triggers")):
        told = {"type": str(trigger.get("trigger_type"))[:_MOST_SHOWN],
                "name": str(trigger.get("trigger_name"))[:_MOST_SHOWN]}  # fmt: skip
        if trigger.get("enabled") is False:
            sentence = _("Passed over: the trigger %(name)s (%(type)s) is not enabled.")
            flow.fault(place, sentence % told, fatal=False)
        else:
            sentence = _(
                "The trigger %(name)s (%(type)s) has no counterpart here; take it out, and let a schedule or webhook "
                "workflow call this one."
            )
            flow.fault(f"{place}.trigger_type", sentence % told)


def _ours(flow: Flow, said: Mapping[str, Any], name: str | None) -> dict[str, Any]:
    """What a rendering of ours says besides."""
    found: dict[str, Any] = {"options": default_options()}
    for key, (column, kind) in _OURS.items():
        if isinstance(said.get(key), kind):
            found[column] = said[key]
        elif said.get(key) is not None:
            flow.fault(_places(flow)[column], _("A value of another kind stands here."))
    if said.get("unnamed") is not None and said.get("unnamed") == name:
        found["name"] = None
    return found


def _places(flow: Flow) -> dict[str, str]:
    """Where a rendering of ours has the columns of the workflow."""
    found = [place for place, function in flow.functions.values() if function.get("operation") == WORKFLOW]
    return {column: f"{place}.metadata.{key}" for place in found[:1] for key, (column, _kind) in _OURS.items()}
