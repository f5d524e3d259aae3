"""What an import would do, and all that stands in its way; nothing is saved."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from django.db import router, transaction
from django.db.models import TextChoices
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy

from workflows.comparison import Comparison, compare_rows
from workflows.conf import conf
from workflows.env import env_names
from workflows.errors import Invalid
from workflows.models import HistoryEntry, Node, Secret, Workflow, default_options
from workflows.problems import Draft, drafted
from workflows.transfer.readers import Definition, Finding
from workflows.triggers import triggers
from workflows.visibility import may_see, narrowed, visible

#: What is told of one definition, errors and the rest each: a file may hold as many faults as it has room for.
_MOST_TOLD = 200
#: What no key may hold: lists of keys are written with commas, addresses with slashes.
_NEVER_IN_KEYS = frozenset(",/\\")


class State(TextChoices):
    """What becomes of a definition."""

    NEW = "new", pgettext_lazy("definition", "New")
    VERSION = "version", gettext_lazy("New version")
    UNCHANGED = "unchanged", pgettext_lazy("definition", "Unchanged")
    PASSED_OVER = "passed over", gettext_lazy("Passed over")
    REFUSED = "refused", pgettext_lazy("definition", "Refused")


@dataclass(frozen=True)
class Item:
    """One definition of the file."""

    definition: Definition
    state: State
    #: The version it is compared with: the current one, or, where nothing changes, the one that is alike.
    known: Workflow | None = None
    #: The number that the new version will have.
    version: int = 1
    comparison: Comparison | None = None
    #: Whether it will listen.
    enable: bool = False
    columns: Mapping[str, Any] = field(default_factory=dict)
    #: Unsaved, linked by the ids they have here.
    nodes: Sequence[Node] = ()
    errors: Sequence[Finding] = ()
    warnings: Sequence[Finding] = ()

    @property
    def writes(self) -> bool:
        return self.state in (State.NEW, State.VERSION)


@dataclass(frozen=True)
class Plan:
    items: Sequence[Item]

    @property
    def errors(self) -> dict[str, str]:
        """Sentences by path in the file."""
        return {error.place: error.message for item in self.items for error in item.errors}

    @property
    def writes(self) -> bool:
        """Whether there is anything to do, and nothing in its way."""
        return not self.errors and any(item.writes for item in self.items)

    @property
    def fingerprint(self) -> str:
        """Changes with what would be done: whoever confirmed a plan confirmed this one."""
        facts = [
            (item.definition.place, item.state, item.known.pk if item.known else None, item.version, item.enable)
            for item in self.items
        ]
        return hashlib.sha256(repr(facts).encode()).hexdigest()[:16]


def plan(definitions: Sequence[Definition], *, enable: bool = False, by: Any = None) -> Plan:
    """What importing these would do. `enable` enables those that the file doesn't call disabled; `by` is whose
    permissions count, None the system itself."""
    definitions = _keyed(definitions, by)
    versions = _versions({definition.key for definition in definitions if definition.key})
    meant = _meant(definitions)
    names = _names_twice(definitions)
    with _there(definitions, versions):
        return Plan([
            _item(definition, versions.get(definition.key or "", []), enable, by, names)
            if id(definition) in meant
            else Item(definition, State.PASSED_OVER, warnings=[_another_version(definition)])
            for definition in definitions
        ])  # fmt: skip


def _keyed(definitions: Sequence[Definition], by: Any) -> Sequence[Definition]:
    """With the keys of the workflows that are meant by their names; of one that is hidden only the name is taken."""
    names = {str(each.columns.get("name") or "") for each in definitions if each.by_name and each.key is None}
    if not names - {""}:
        return definitions
    rows = Workflow.objects.current().filter(name__in=names)
    known = dict((visible(rows, by) if by is not None else rows).values_list("name", "key"))
    return [
        replace(each, columns={**each.columns, "key": known[each.columns["name"]]})
        if each.by_name and each.key is None and each.columns.get("name") in known
        else each
        for each in definitions
    ]


def _versions(keys: set[str]) -> dict[str, list[Workflow]]:
    """The versions of each key, the first one first."""
    found: dict[str, list[Workflow]] = {}
    for row in Workflow.objects.filter(key__in=keys).order_by("version"):
        found.setdefault(row.key, []).append(row)
    return found


def _meant(definitions: Sequence[Definition]) -> set[int]:
    """Which objects count: of several versions of a key the current one, else one that is enabled, else the last."""
    best: dict[str, Definition] = {}
    for definition in definitions:
        if definition.key:
            known = best.get(definition.key)
            if known is None or _rank(definition) >= _rank(known):
                best[definition.key] = definition
    return {id(each) for each in definitions if each.key is None or best[each.key] is each}


def _rank(definition: Definition) -> tuple[bool, bool]:
    return definition.current, definition.enabled is True


def _another_version(definition: Definition) -> Finding:
    sentence = _("Another version of this workflow in the file is the current one; this one is not taken.")
    return Finding(definition.place, sentence, fatal=False)


def _names_twice(definitions: Sequence[Definition]) -> set[str]:
    """Names that several workflows of the file claim."""
    keys: dict[str, set[str]] = {}
    for definition in definitions:
        name = definition.columns.get("name")
        if name and isinstance(name, str):
            keys.setdefault(name, set()).add(definition.key or definition.place)
    return {name for name, claimed in keys.items() if len(claimed) > 1}


@contextmanager
def _there(definitions: Sequence[Definition], versions: Mapping[str, list[Workflow]]) -> Iterator[None]:
    """Inside, workflows of the file that are not here yet are, for nodes that call them; taken back after."""
    alias = router.db_for_write(Workflow)
    names = {name for each in definitions if isinstance(name := each.columns.get("name"), str)}
    taken = {row.name for row in Workflow.objects.current().filter(name__in=names).only("name")}
    shells = [_shell(each, taken) for each in definitions if each.key not in versions and _fits(each)]
    with transaction.atomic(using=alias):
        # One of each key and each name: what is there twice is told by the checks inside.
        alone = {shell.name or shell.key: shell for shell in {shell.key: shell for shell in shells}.values()}
        Workflow.objects.using(alias).bulk_create(alone.values())
        yield
        transaction.set_rollback(True, using=alias)


def _fits(definition: Definition) -> bool:
    """Whether it would be a row at all; what is wrong with it otherwise is told by the checks."""
    texts = ((definition.key, 64), (definition.columns.get("name") or "", 128))
    return (
        bool(definition.key)
        and not any(fault.fatal for fault in definition.faults)
        and definition.columns.get("type") in triggers()
        and all(len(text or "") <= most for text, most in texts)
    )


def _shell(definition: Definition, taken: set[str | None]) -> Workflow:
    columns = definition.columns
    name = columns.get("name") or None
    return Workflow(
        key=definition.key or "",
        name=None if name in taken else name,
        type=columns["type"],
        current=True,
        sync=columns.get("sync") is True,
        config=columns.get("config") or {},
    )


def _item(definition: Definition, versions: Sequence[Workflow], enable: bool, by: Any, names_twice: set[str]) -> Item:
    known = next((row for row in versions if row.current), None)
    listens = enable and definition.enabled is not False
    if any(fault.fatal for fault in definition.faults):
        return _refused(definition, known, [])
    limit = conf().NODES_LIMIT
    if limit is not None and len(definition.nodes) > limit:
        # Not one is looked at: there may be as many as a file holds.
        return _refused(
            definition, known, [Finding("nodes", _("A workflow has at most %d nodes; split it in two.") % limit)]
        )
    columns = _columns(definition, known)
    given = {**columns, "type": definition.columns.get("type"), "nodes": definition.nodes}
    draft = drafted(given, by=by, lenient=True)
    findings = [*_of_draft(definition, draft, listens), *_of_key(definition, known, by)]
    findings += _of_name(columns, definition, names_twice)
    if any(found.fatal for found in findings):
        return _refused(definition, known, findings)
    strict = drafted(given, by=by)
    findings += _differing(definition, draft, strict)
    findings += _of_secrets(draft)
    workflow = _filled(draft.workflow, definition, columns)
    nodes = list(draft.rows.values())
    state, base, comparison = _changes(workflow, nodes, versions, columns["definition_source"])
    return Item(
        definition,
        state,
        known=base,
        version=max((row.version for row in versions), default=0) + 1,
        comparison=comparison,
        enable=listens and state is not State.UNCHANGED,
        columns=columns,
        nodes=nodes,
        warnings=_told(definition, (*definition.faults, *findings)),
    )


def _refused(definition: Definition, known: Workflow | None, findings: Sequence[Finding]) -> Item:
    found = (*definition.faults, *findings)
    return Item(
        definition,
        State.REFUSED,
        known=known,
        errors=_told(definition, [each for each in found if each.fatal]),
        warnings=_told(definition, [each for each in found if not each.fatal]),
    )


def _told(definition: Definition, findings: Sequence[Finding]) -> list[Finding]:
    told = [_placed(definition, found) for found in findings[:_MOST_TOLD]]
    if (left := len(findings) - _MOST_TOLD) > 0:
        sentence = ngettext("… and %d more like these.", "… and %d more like these.", left) % left
        told.append(Finding(definition.place, sentence, fatal=False))
    return told


def _placed(definition: Definition, found: Finding) -> Finding:
    """With its path in the file, in the file's own words."""
    *above, last = _moved(definition, found.place).split(".")
    own = not above or (above[0] == "nodes" and len(above) == 2)
    path = [*above, definition.names.get(last, last) if own else last]
    return Finding(".".join(filter(None, (definition.place, *path))), found.message, found.fatal, found.node)


def _moved(definition: Definition, place: str) -> str:
    parts = place.split(".")
    for count in range(len(parts), 0, -1):
        if (moved := definition.places.get(".".join(parts[:count]))) is not None:
            return ".".join([moved, *parts[count:]])
    return place


def _columns(definition: Definition, known: Workflow | None) -> dict[str, Any]:
    """A new version's columns, nulls made what they mean. What only Sluice has, and the file doesn't say, stays as it
    is in the version that there is."""
    given = definition.columns
    kept = {"name": known.name, "time_zone": known.time_zone} if known is not None else {}
    if definition.by_name:
        # Such a form knows little of a workflow.
        others = ("title", "description", "trigger_title", "config", "sync")
        kept |= {name: getattr(known, name) for name in others} if known is not None else {"title": given.get("name")}
        given = {**kept, **given, "options": {**(known.options if known else {}), **(given.get("options") or {})}}
    return {
        **{name: given.get(name) or "" for name in ("title", "description", "trigger_title")},
        "config": given.get("config") or {},
        "options": given.get("options") or default_options(),
        "sync": given.get("sync") is True,
        "name": (given["name"] or None) if "name" in given else kept.get("name"),
        "definition_source": given.get("definition_source"),
        "time_zone": (given["time_zone"] or "") if "time_zone" in given else kept.get("time_zone", ""),
    }


def _filled(workflow: Workflow, definition: Definition, columns: Mapping[str, Any]) -> Workflow:
    """The draft as the row it would be; whether it is synchronous its kind may have settled."""
    workflow.key = definition.key or workflow.key
    for name in ("description", "trigger_title"):
        setattr(workflow, name, columns[name])
    return workflow


def _of_draft(definition: Definition, draft: Draft, listens: bool) -> Iterator[Finding]:
    titles = {row.key: str(row) for row in draft.rows.values()}
    is_draft = not listens and not definition.columns.get("config")
    for problem in draft.problems:
        # As on saving: a template may name what is added later, and a version that doesn't listen needs no trigger yet.
        meant = problem.code == "reference" or (is_draft and problem.field.partition(".")[0] == "config")
        fatal = problem.severity == "error" and not meant
        yield Finding(problem.field, problem.message, fatal, titles.get(problem.node or "", ""))


def _differing(definition: Definition, draft: Draft, strict: Draft) -> Iterator[Finding]:
    """What the editor would refuse and the engine passes over."""
    told = {(problem.field, problem.message) for problem in draft.problems}
    titles = {row.key: str(row) for row in strict.rows.values()}
    for problem in strict.problems:
        if (problem.field, problem.message) not in told:
            yield Finding(problem.field, problem.message, False, titles.get(problem.node or "", ""))


def _of_key(definition: Definition, known: Workflow | None, by: Any) -> Iterator[Finding]:
    key = definition.key
    if key is None:
        return
    if len(key) > 64 or _NEVER_IN_KEYS & {*key} or not key.isprintable():
        yield Finding("key", _("A key has at most 64 characters, and no comma or slash; choose another."))
    elif by is not None and (not may_see(known, by) if known is not None else _was_hidden(key, by)):
        yield Finding("key", _("Another workflow has the key %s; choose another.") % key)
    elif known is not None and known.type != definition.columns.get("type"):
        yield Finding(
            "type",
            _("The workflow %(key)s is of type %(type)s here, and versions share it; give this one another key.")
            % {"key": key, "type": known.type},
        )


def _was_hidden(key: str, by: Any) -> bool:
    """Whether it was a deleted workflow's, whose runs and history nobody but superusers sees: not by its key either."""
    return narrowed(by) and HistoryEntry.objects.filter(workflow_key=key).exists()


def _of_name(columns: Mapping[str, Any], definition: Definition, twice: set[str]) -> Iterator[Finding]:
    name = columns["name"]
    if name is None:
        return
    if name in twice:
        yield Finding("name", _("Two workflows of the file are named %s; rename one.") % name)
    elif Workflow.objects.current().filter(name=name).exclude(key=definition.key or "").exists():
        yield Finding("name", _("Another workflow is named %s; choose another name.") % name)


def _of_secrets(draft: Draft) -> Iterator[Finding]:
    """Files name secrets, and never have their values."""
    asked = {f"nodes.{index}": (env_names(row.config), str(row)) for index, row in enumerate(draft.rows.values())}
    wanted = env_names(draft.workflow.config).union(*(names for names, _title in asked.values()))
    if not wanted:
        return
    missing = wanted.difference(Secret.objects.filter(name__in=wanted).values_list("name", flat=True))
    sentence = _("There is no secret %s here; add it under Secrets before this runs.")
    for place, names, title in (
        ("config", env_names(draft.workflow.config), ""), *((place, *found) for place, found in asked.items())
    ):  # fmt: skip
        for name in sorted(names & missing):
            yield Finding(place, sentence % name, False, title)


def _changes(
    workflow: Workflow, nodes: Sequence[Node], versions: Sequence[Workflow], source: str | None
) -> tuple[State, Workflow | None, Comparison | None]:
    """What it is beside the current version; a version that is alike need not be made again."""
    current = next((row for row in versions if row.current), None)
    if current is None:
        return State.NEW, None, None
    stored: dict[int, list[Node]] = {}
    looked_at = {row.pk: row for row in (current, versions[-1])}
    for node in Node.objects.filter(workflow__in=looked_at):
        stored.setdefault(node.workflow_id, []).append(node)
    first: Comparison | None = None
    for row in looked_at.values():
        try:
            found = compare_rows(row, stored.get(row.pk, []), workflow, nodes)
        except Invalid:
            # What is here is broken: the new version will not be.
            continue
        if not found and (source is None or row.definition_source in (None, source)):
            return State.UNCHANGED, row, None
        first = first or found if row is current else first
    return State.VERSION, current, first
