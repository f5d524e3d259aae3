"""A definition in FDL as a workflow: which form it is, what of the flow itself is taken, and its nodes."""

import re
from dataclasses import replace
from typing import Any

from django.utils.translation import gettext as _

from workflows.errors import Invalid
from workflows.transfer.fdl import document, newform, nodesform, oldform, ours
from workflows.transfer.fdl.fields import Fields
from workflows.transfer.fdl.tree import MOST_NODES, Faults, TooMany, Tree
from workflows.transfer.fdl.values import Misfit
from workflows.transfer.readers import Definition

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,127}")
_LONGEST = 180 * 86_400


def detect(text: str) -> bool:
    return document.looks_new(text) or document.looks_old(text)


def read(text: str) -> list[Definition]:
    return [definition_of(text)]


def definition_of(text: str, *, express: bool = False) -> Definition:
    """The flow that a text defines. `express`: it answers at once, so its waits are short.

    Raises `Invalid` where the text can't be read; what is wrong inside stands in the faults, by place.
    """
    found = definition_of_value(document.loads(text), express=express)
    return replace(found, columns={**found.columns, "definition_source": text})


def definition_of_value(value: dict[str, Any], *, express: bool = False) -> Definition:
    """The same of the text's object."""
    faults = Faults()
    fields = Fields(value, "", faults)
    try:
        if ours.SLUICE in value:
            columns, nodes = _ours(fields, faults)
        elif "Type" in value or "States" in value:
            columns, nodes = _new(fields, faults, express)
        else:
            columns, nodes = _old(fields, faults)
    except TooMany:
        sentence = _("The branches come to more than %d nodes, or stand too deep in each other; split the flow in two.")
        faults.tell("States", sentence % MOST_NODES)
        columns, nodes = {}, []
    except Misfit as error:
        # Of a value that only later turned out not to fit.
        faults.tell(error.place, error.message)
        columns, nodes = {}, []
    except RecursionError:
        raise Invalid(_("The definition is nested too deep; split the flow in two.")) from None
    if faults.fatal:
        nodes = []
    columns = {"type": "manual", **columns}
    return Definition("", columns, nodes, faults=list(faults.found.values()), by_name=True)


def _new(fields: Fields, faults: Faults, express: bool) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    if fields.get("Type") != "StateMachine":
        fields.tell("Type", _("The type of a flow is StateMachine."))
    if fields.get("SpecVersion") != "v1":
        fields.tell("SpecVersion", _("The version is v1."))
    columns = _columns(fields, "Name", "Description", "Timeout", required=True)
    scope = newform.Reading(faults, express=express).scope(fields, main=True)
    fields.no_more()
    tree = newform.tree_of(scope, faults) if scope is not None and not faults.fatal else Tree(faults)
    return columns, tree.in_order()


def _ours(fields: Fields, faults: Faults) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    fields.get("Type")
    fields.get("SpecVersion")
    said = nodesform.columns_of(fields)
    columns = _columns(fields, "Name", "Description", "Timeout", required=True)
    title, options = columns.get("name"), columns["options"]
    if "options" in said:
        options = {**said.pop("options"), **(options if "Timeout" in fields else {})}
    scope = nodesform.Reading(faults).scope(fields)
    fields.no_more()
    tree = nodesform.tree_of(scope, faults) if scope is not None and not faults.fatal else Tree(faults)
    return {"title": title, **columns, **said, "options": options}, tree.in_order()


def _old(fields: Fields, faults: Faults) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    if fields.get("type") != "flow":
        fields.tell("type", _("The type of a flow is flow."))
    if fields.get("version") not in ("v1", "v1beta1"):
        fields.tell("version", _("The version is v1."))
    columns = _columns(fields, "name", "description", "timeoutSeconds", required=False)
    flow = oldform.Flow(fields, faults)
    fields.no_more()
    tree = flow.tree() if not faults.fatal else Tree(faults)
    return columns, tree.in_order()


def _columns(fields: Fields, name: str, description: str, timeout: str, *, required: bool) -> dict[str, Any]:
    text = fields.text(name, required=required)
    if text and not _NAME.fullmatch(text):
        sentence = _("A name has 1 to 128 letters, digits, - and _, and begins with a letter or _.")
        fields.tell(name, sentence)
    seconds = fields.number(timeout, 1, _LONGEST)
    return {
        **({"name": text} if text else {}),
        **({"description": said} if (said := fields.text(description)) else {}),
        "options": {"timeout": (seconds or 0) * 1_000},
    }
