"""A version of ours in FunctionGraph's form."""

from collections.abc import Iterable, Mapping
from typing import Any

from workflows import jsoninput
from workflows.errors import Invalid
from workflows.models import Node, Workflow
from workflows.transfer.functiongraph.flow import OURS, SLEEP, WORKFLOW, taken_apart
from workflows.transfer.functiongraph.reading import detect
from workflows.transfer.functiongraph.values import can_be_named

#: The function of the workflow itself; no node's key has a slash.
_OF_WORKFLOW = "sluice/workflow"


def rendered(workflow: Workflow, nodes: Iterable[Node]) -> dict[str, Any]:
    """The body that `read` makes this version of; never raises.

    The very one that it was made of, where it was and nothing has changed since. Else a state of the type
    `sluice:<kind>` for each node but plain pauses, and for each such state a function of the same name, whose metadata
    are the node's config, policy and branches; one more function has what the form doesn't know of a workflow. Clients
    that know nothing of this keep both: metadata are the user's own.
    """
    source = _source(workflow)
    if source is not None:
        return source
    rows = _in_order(list(nodes))
    branches: dict[int, dict[int, str]] = {}
    after: dict[int, str] = {}
    for row in rows:
        if row.upstream_id is not None and row.branch_index is None:
            after[row.upstream_id] = row.key
        elif row.upstream_id is not None:
            branches.setdefault(row.upstream_id, {})[row.branch_index or 0] = row.key
    plain = {row.pk for row in rows if row.pk not in branches and _is_sleep(row)}
    functions = [_function(row, branches.get(row.pk, {})) for row in rows if row.pk not in plain]
    return {
        "name": workflow.name or workflow.key,
        "description": workflow.description,
        "start": next((row.key for row in rows if row.upstream_id is None), ""),
        "triggers": [],
        "functions": [_of_workflow(workflow), *functions],
        "states": [_state(row, after.get(row.pk), plain=row.pk in plain) for row in rows],
        "constants": {},
        "retries": [],
        "mode": "EXPRESS" if workflow.sync else "NORMAL",
    }


def _source(workflow: Workflow) -> dict[str, Any] | None:
    text = workflow.definition_source
    if not text or not detect(text):
        return None
    try:
        found: dict[str, Any] = jsoninput.loads(text)
    except Invalid:
        return None
    found = found if "states" in found else found["definition"]
    said, titles = taken_apart(found).ours or {}, {"title": workflow.title, "triggerTitle": workflow.trigger_title}
    if any(said.get(key) not in (None, title) for key, title in titles.items()):
        return None
    # This may have changed since, too; it says nothing of what runs.
    return {**found, "description": workflow.description} if found.get("description") is not None else found


def _in_order(rows: list[Node]) -> list[Node]:
    """As people read a workflow; what hangs on nothing comes last."""
    below: dict[int | None, list[Node]] = {}
    for row in sorted(rows, key=lambda row: row.pk or 0):
        below.setdefault(row.upstream_id, []).append(row)
    for standing in below.values():
        # The next one on the line is taken last off the stack, branches by their indexes before it.
        standing.sort(key=lambda row: (row.branch_index is not None, -(row.branch_index or 0)))
    found: dict[int, Node] = {}
    stack = below.get(None, [])[::-1]
    while stack:
        row = stack.pop()
        if row.pk not in found:
            found[row.pk] = row
            stack.extend(below.get(row.pk, ()))
    return [*found.values(), *(row for row in rows if row.pk not in found)]


def _of_workflow(workflow: Workflow) -> dict[str, Any]:
    ours = {
        "type": workflow.type,
        "title": workflow.title,
        "triggerTitle": workflow.trigger_title,
        "timeZone": workflow.time_zone,
        "config": workflow.config,
        "options": workflow.options,
        **({} if workflow.name else {"unnamed": workflow.key}),
    }
    return {"name": _OF_WORKFLOW, "operation": WORKFLOW, "metadata": ours}


def _function(row: Node, branches: Mapping[int, str]) -> dict[str, Any]:
    heads = {"branches": {str(index): key for index, key in sorted(branches.items())}} if branches else {}
    metadata = {"config": row.config, **({"policy": row.policy} if row.policy else {}), **heads}
    return {"name": row.key, "operation": f"{OURS}{row.type}", "metadata": metadata}


def _state(row: Node, after: str | None, *, plain: bool) -> dict[str, Any]:
    way = {"end": True} if after is None else {"end": False, "transition": after}
    named = {"id": row.key, "name": row.title}
    if plain:
        return {**named, "type": SLEEP, **way, "duration": row.config["duration"]}
    return {**named, "type": f"{OURS}{row.type}", **way, "actions": [{"function_ref": {"ref_name": row.key}}]}


def _is_sleep(row: Node) -> bool:
    """Whether it is just what a Sleep is read as."""
    config = row.config
    return (
        row.type == "delay"
        and not row.policy
        and isinstance(config, dict)
        and type(config.get("duration")) is int
        and config == {"duration": config["duration"], "unit": 1000, "endStatus": 1}
        and config["duration"] >= 1
        and can_be_named(row.key)
    )
