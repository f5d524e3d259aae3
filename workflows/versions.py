"""Making, changing, revising, copying and deleting versions (spec 3.1, 3.8, 3.9).

One version of a key is current, and at most that one is enabled: each operation is one transaction that first locks all
versions of the key in the order of their ids. All raise `Invalid`, naming the field, `Frozen` where a version that has
runs would change, `NotFound` for a version that is gone, and `Busy` where two people make the same version at once.
Unknown keys of the configuration or the options, and options that make no sense, are refused unless they are there
already or `lenient` (a dialect's) is set; the engine passes over them.
"""

import logging
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from zoneinfo import ZoneInfo

from django.db import IntegrityError, router, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from workflows import history
from workflows.actions import Action
from workflows.comparison import Comparison, compare, differs
from workflows.counters import executed
from workflows.errors import Busy, Frozen, Invalid, NotFound, check_all
from workflows.models import Category, Counter, Node, Workflow, default_options, new_key
from workflows.triggers import get_trigger
from workflows.validation import check_columns, check_options, check_trigger, who

__all__ = [
    "Comparison",
    "change_workflow",
    "compare",
    "copy",
    "create_workflow",
    "delete",
    "disable",
    "enable",
    "executed",
    "revise",
]

logger = logging.getLogger("sluice.versions")

#: What every version may change at any time; `config` besides, while it has no runs.
_CHANGEABLE = frozenset(
    ("title", "description", "enabled", "trigger_title", "config", "options", "categories", "name", "time_zone")
)
_CREATABLE = _CHANGEABLE | {"type", "sync", "key", "definition_source"}
_REVISABLE = (_CHANGEABLE - {"config"}) | {"current"}
_COPYABLE = (_CHANGEABLE - {"config"}) | {"key"}
#: What the text that a version was made of says too: changed, it isn't that version's any more.
_OF_SOURCE = frozenset(("name", "config", "options", "time_zone"))
#: A revision and a copy have these of their origin, whatever is given (spec 3.8).
_OF_ORIGIN = frozenset(("type", "sync", "config"))


def create_workflow(*, type: str, title: str, by: Any = None, lenient: bool = False, **columns: Any) -> Workflow:
    """The first version of a new workflow, or a further one where `key` is given and known.

    The first of a key is current even if disabled; `enabled` makes any current and disables the one that was. The
    configuration is checked where there is one, and must be complete where the version is enabled.
    """
    values = _allowed(columns, _CREATABLE)
    categories = values.pop("categories", None)
    workflow = Workflow(type=type, title=title, **{name: _or_default(name, value) for name, value in values.items()})
    # A kind that is always or never synchronous overrules what was asked for.
    forced = get_trigger(_text(type)).sync
    workflow.sync = workflow.sync if forced is None else forced
    with _transaction():
        _insert(workflow, by, set(values) | {"type", "title", "options", "config"}, {}, lenient)
        _categorize(workflow, categories or ())
        history.record(Action.WORKFLOW_CREATE, history.of_workflow(workflow), by=by, changes=_made(workflow))
    return workflow


def change_workflow(
    workflow: Workflow, *, by: Any = None, reason: str | None = None, lenient: bool = False, **columns: Any
) -> Workflow:
    """Changes what is given: title, description, enabled, trigger_title, config, options, categories, name, time_zone.

    `enabled` true makes the version current and disables the one that was; false leaves it current. What can't be
    changed may be given as it is.
    """
    with _transaction():
        siblings = _lock(workflow.key)
        row = _fresh(workflow)
        values = _changes_of(row, columns)
        categories = values.pop("categories", None)
        was_enabled, stored = row.enabled, _settings(row)
        before = {"current": _current(siblings), **{name: getattr(row, name) for name in values}}
        for name, value in values.items():
            setattr(row, name, value)
        _check(row, values, stored, lenient)
        retired = _settle(row, siblings, by)
        row.updated_by_id = who(by)
        if any(name in _OF_SOURCE and before[name] != value for name, value in values.items()):
            row.definition_source = None
        row.save(update_fields=[*values, "current", "updated_by", "updated_at", "definition_source"])
        after = {**values, "current": row.version if row.current else before["current"]}
        if categories is not None:
            before["categories"] = _titles(row)
            _categorize(row, categories)
            after["categories"] = _titles(row)
        _record_change(row, history.changed(before, after), by, reason)
        if row.enabled or was_enabled or retired or row.frozen:
            _announce()
    for name in (*values, "current", "updated_by_id", "updated_at", "definition_source"):
        setattr(workflow, name, getattr(row, name))
    return row


def enable(workflow: Workflow, *, by: Any = None, reason: str | None = None) -> Workflow:
    """Makes the version listen and current; the one that was current no longer is and is disabled."""
    return change_workflow(workflow, by=by, reason=reason, enabled=True)


def disable(workflow: Workflow, *, by: Any = None, reason: str | None = None) -> Workflow:
    """Stops the version listening; it stays current, and its runs go on."""
    return change_workflow(workflow, by=by, reason=reason, enabled=False)


def revise(workflow: Workflow, *, by: Any = None, **overrides: Any) -> Workflow:
    """A further version with the same key, nodes and node keys: not current and disabled, unless `overrides` say so."""
    with _transaction():
        _lock(workflow.key)
        origin = _fresh(workflow)
        values = _overrides(overrides, _REVISABLE)
        source = None if _OF_SOURCE & values.keys() else origin.definition_source
        same = {"key": origin.key, "name": origin.name, "definition_source": source}
        twin = _duplicate(origin, {**same, **values}, by)
        made = {"version": [origin.version, twin.version], **_made(twin, origin)}
        history.record(Action.WORKFLOW_REVISE, history.of_workflow(twin), by=by, changes=made)
    return twin


def copy(workflow: Workflow, *, by: Any = None, **overrides: Any) -> Workflow:
    """A new workflow with the same nodes and node keys: current, disabled, without a name, its counters at 0."""
    with _transaction():
        origin = _fresh(workflow)
        title = _("%s copy") % origin.title[:240]
        twin = _duplicate(origin, {"title": title, "name": None, **_overrides(overrides, _COPYABLE)}, by)
        made = {"origin": [None, str(origin)], **_made(twin, origin)}
        history.record(Action.WORKFLOW_COPY, history.of_workflow(twin), by=by, changes=made)
    return twin


def delete(workflows: Iterable[Workflow], *, by: Any = None, reason: str | None = None) -> int:
    """Deletes versions with their nodes and answers how many; the runs stay.

    With a current version go all others of its key and what was counted of them; what was counted of any other deleted
    version stays with its key.
    """
    chosen = list(workflows)
    with _transaction():
        rows = [row for key in sorted({workflow.key for workflow in chosen}) for row in _lock(key)]
        ids = {workflow.pk for workflow in chosen}
        whole = {row.key for row in rows if row.pk in ids and row.current}
        doomed = {row.pk: row for row in rows if row.pk in ids or row.key in whole}
        alias = router.db_for_write(Workflow)
        Counter.objects.using(alias).filter(key__in=whole).delete()
        Counter.objects.using(alias).filter(workflow__in=list(doomed)).update(workflow=None)
        subjects = [history.of_workflow(row) for row in doomed.values()]
        _rows().filter(pk__in=list(doomed)).delete()
        with history.gathering() as entries:
            for subject in subjects:
                history.record(Action.WORKFLOW_DELETE, subject, by=by, reason=reason)
        history.add(entries)
        logger.info("Workflow versions %s were deleted by user %s.", sorted(doomed), who(by))
        if doomed:
            _announce()
    return len(doomed)


def _duplicate(origin: Workflow, values: dict[str, Any], by: Any) -> Workflow:
    categories = values.pop("categories", None)
    kept = ("title", "trigger_title", "description", "options", "time_zone", *_OF_ORIGIN)
    twin = Workflow(**{**{name: getattr(origin, name) for name in kept}, **values})
    _insert(twin, by, values, _settings(origin))
    _categorize(twin, origin.categories.all() if categories is None else categories)
    _copy_nodes(origin, twin)
    return twin


def _made(workflow: Workflow, origin: Workflow | None = None) -> dict[str, list[Any]]:
    """What a new version has, or has otherwise than its origin."""
    names = ("title", "name", "type", "config", "options", "enabled", "time_zone")
    before = {**{name: getattr(origin or Workflow(), name) for name in names}, "enabled": False}
    return history.changed(before, {name: getattr(workflow, name) for name in names})


def _current(siblings: Iterable[Workflow]) -> int | None:
    return next((row.version for row in siblings if row.current), None)


def _record_change(row: Workflow, changes: dict[str, list[Any]], by: Any, reason: str | None) -> None:
    if not changes:
        return
    action = Action.WORKFLOW_CHANGE
    if set(changes) - {"current"} == {"enabled"}:
        action = Action.WORKFLOW_ENABLE if row.enabled else Action.WORKFLOW_DISABLE
    history.record(action, history.of_workflow(row), by=by, reason=reason, changes=changes)


def _titles(workflow: Workflow) -> str:
    return ", ".join(sorted(workflow.categories.values_list("title", flat=True)))


def _categorize(workflow: Workflow, categories: Iterable[Category | int]) -> None:
    wanted = {category.pk if isinstance(category, Category) else category for category in categories}
    known = set(Category.objects.filter(pk__in=wanted).values_list("pk", flat=True)) if wanted else set()
    if missing := wanted - known:
        raise Invalid(_("There is no category %s; leave it out.") % min(missing), field="categories")
    workflow.categories.set(known)


def _copy_nodes(origin: Workflow, twin: Workflow) -> None:
    """Three statements: read, insert, link. Node keys are kept, for variables name nodes by them."""
    nodes = Node.objects.using(router.db_for_write(Workflow))
    rows = list(nodes.filter(workflow=origin).order_by("pk"))
    copied = ("key", "title", "type", "config", "policy", "branch_index")
    twins = nodes.bulk_create([Node(workflow=twin, **{name: getattr(row, name) for name in copied}) for row in rows])
    if any(node.pk is None for node in twins):
        # MySQL doesn't tell the ids of rows inserted together.
        twins = list(nodes.filter(workflow=twin))
    by_key = {node.key: node for node in twins}
    matching = {row.pk: by_key[row.key].pk for row in rows}
    for row in rows:
        by_key[row.key].upstream_id = matching.get(row.upstream_id)  # type: ignore[arg-type]
        by_key[row.key].downstream_id = matching.get(row.downstream_id)  # type: ignore[arg-type]
    nodes.bulk_update(twins, ["upstream", "downstream"])


def _insert(workflow: Workflow, by: Any, given: Collection[str], stored: dict[str, Any], lenient: bool = False) -> None:
    """Numbers a new version, settles which is current, checks and saves."""
    workflow.key = workflow.key or new_key()
    siblings = _lock(workflow.key)
    workflow.version = max((row.version for row in siblings), default=0) + 1
    workflow.created_by_id = workflow.updated_by_id = who(by)
    _check(workflow, given, stored, lenient)
    retired = _settle(workflow, siblings, by)
    workflow.save(force_insert=True)
    if workflow.enabled or retired:
        _announce()


def _settings(workflow: Workflow) -> dict[str, Any]:
    return {"config": workflow.config, "options": workflow.options}


def _check(workflow: Workflow, given: Collection[str], stored: dict[str, Any], lenient: bool) -> None:
    """Checks the given columns, and all of the trigger where the version listens from now on.

    `stored` is what the settings were before: unknown keys among them may stay.
    """
    get_trigger(workflow.type)
    checks: list[Callable[[], None]] = [
        lambda: check_columns(workflow, [name for name in given if name not in ("categories", "current")])
    ]
    # Without a configuration a version is a draft; it needs one only to listen.
    if ("config" in given and workflow.config != {}) or ("enabled" in given and workflow.enabled):
        checks.append(lambda: check_trigger(workflow, stored=stored.get("config"), lenient=lenient))
    if "options" in given:
        known = stored.get("options")
        checks.append(lambda: check_options(workflow.options, sync=workflow.sync, stored=known, lenient=lenient))
    if "time_zone" in given:
        checks.append(lambda: check_time_zone(workflow.time_zone))
    check_all(*checks)


def _settle(workflow: Workflow, siblings: list[Workflow], by: Any) -> bool:
    """Makes the version current if it is enabled or the first of its key; answers whether another was disabled."""
    others = [row for row in siblings if row.pk != workflow.pk and row.current]
    if workflow.enabled or not others:
        workflow.current = True
    workflow.current = workflow.current or None
    if not workflow.current:
        return False
    _check_name(workflow)
    if others:
        # Before this one is saved: a key has one current version at every moment.
        _rows().filter(pk__in=[row.pk for row in others]).update(
            enabled=False, current=None, updated_at=timezone.now(), updated_by=who(by)
        )
    return any(row.enabled for row in others)


def _check_name(workflow: Workflow) -> None:
    """Others call a workflow by its name or its key, so no name may be another's key."""
    if workflow.name is None:
        return
    taken = _rows().filter(Q(current=True, name=workflow.name) | Q(key=workflow.name)).exclude(key=workflow.key)
    key = taken.values_list("key", flat=True).first()
    if key == workflow.name:
        raise Invalid(_("%s is the key of another workflow; choose another name.") % workflow.name, field="name")
    if key is not None:
        raise Invalid(_("Another workflow is named %s; choose another name.") % workflow.name, field="name")


def check_time_zone(name: str) -> None:
    try:
        if name:
            ZoneInfo(name)
    except (KeyError, OSError, ValueError):
        raise Invalid(
            _('There is no time zone %s; choose one like "Europe/Berlin".') % name, field="time_zone"
        ) from None


def _changes_of(row: Workflow, columns: dict[str, Any]) -> dict[str, Any]:
    """The columns that may change and do, with nulls made what they mean."""
    values = {}
    for name, value in columns.items():
        value = _or_default(name, value)
        if name == "categories":
            values[name] = value
        elif name not in {field.name for field in row._meta.concrete_fields}:
            raise Invalid(_("A workflow has no %s.") % name, field=name)
        elif not differs(getattr(row, name), value):
            continue
        elif name not in _CHANGEABLE:
            raise Invalid(_("%s can't be changed; make a new workflow.") % name, field=name)
        else:
            values[name] = value
    if "config" in values and row.frozen:
        raise Frozen(
            _("Version %d has been executed and its configuration is read-only; make a new version and change that.")
            % row.version,
            field="config",
        )
    return values


def _allowed(columns: dict[str, Any], names: Collection[str]) -> dict[str, Any]:
    # Clients send records back as they were read; that they are marked invalid is the server's to say (spec 1.1).
    values = {name: value for name, value in columns.items() if name != "invalid"}
    for name in values:
        if name not in names:
            raise Invalid(
                _("%(name)s can't be set; there are: %(known)s.") % {"name": name, "known": ", ".join(sorted(names))},
                field=name,
            )
    return values


def _overrides(columns: dict[str, Any], names: Collection[str]) -> dict[str, Any]:
    values = {name: value for name, value in columns.items() if name not in _OF_ORIGIN}
    return {name: _or_default(name, value) for name, value in _allowed(values, names).items()}


def _or_default(name: str, value: Any) -> Any:
    """An empty name is none, so that it is unique; null is what a column has by itself."""
    if name == "name":
        return value or None
    if value is None and name == "options":
        return default_options()
    if value is None and name == "config":
        return {}
    return "" if value is None and name in ("key", "description", "trigger_title", "time_zone") else value


def _text(type: Any) -> str:
    return type if isinstance(type, str) else repr(type)


def _rows() -> Any:
    return Workflow.objects.using(router.db_for_write(Workflow))


def _fresh(workflow: Workflow) -> Workflow:
    row: Workflow | None = _rows().filter(pk=workflow.pk).first()
    if row is None:
        raise NotFound(_("Workflow %s was deleted.") % workflow.pk)
    return row


def _lock(key: str) -> list[Workflow]:
    """All versions of a key, locked in the order of their ids, with what the rules of `current` look at."""
    rows = _rows().filter(key=key).order_by("pk")
    # Locked by one statement and read by the next: one that waited for a lock doesn't see rows inserted meanwhile.
    list(rows.select_for_update().values_list("pk"))
    return list(rows.only("key", "version", "enabled", "current", "title"))


@contextmanager
def _transaction() -> Iterator[None]:
    try:
        with transaction.atomic(using=router.db_for_write(Workflow)):
            yield
    except IntegrityError:
        raise Busy(
            _("Someone else saved a version or the name of this workflow at the same moment; try again.")
        ) from None


def _announce() -> None:
    from workflows.triggers import listening

    listening.changed()
