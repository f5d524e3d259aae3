"""Which workflows, and with them which runs, a person may see: `SLUICE["VISIBLE"]` narrows what permissions allow, and
a key that is limited to some workflows narrows it further for who comes with it."""

from collections.abc import Collection
from typing import Any, TypeVar

from django.db.models import Model, Q, QuerySet
from django.utils.module_loading import import_string

from workflows.conf import conf
from workflows.models import Node, Workflow

M = TypeVar("M", bound=Model)


def visible(workflows: QuerySet[Workflow], user: Any) -> QuerySet[Workflow]:
    """Of these versions, those that `user` may see. Permissions are asked besides; a superuser sees all."""
    rule, keys = _rule(user), _limit(user)
    workflows = workflows if rule is None else workflows.filter(_pks(rule))
    return workflows if keys is None else workflows.filter(key__in=keys)


def visible_rows(rows: QuerySet[M], user: Any, *, key: str = "key") -> QuerySet[M]:
    """Of these rows (runs, jobs, history), those of workflows that `user` may see; `key` is the path to the workflow's
    key.

    Who sees one version of a workflow sees its runs on all versions; runs of deleted workflows are for superusers.
    """
    rule, keys = _rule(user), _limit(user)
    if rule is not None:
        rows = rows.filter(**{f"{key}__in": Workflow.objects.filter(_pks(rule)).values("key")})
    return rows if keys is None else rows.filter(**{f"{key}__in": keys})


def visible_nodes(nodes: QuerySet[Node], user: Any) -> QuerySet[Node]:
    """Of these nodes, those of versions that `user` may see."""
    return nodes.filter(workflow__in=visible(Workflow.objects.all(), user)) if narrowed(user) else nodes


def narrowed(user: Any) -> bool:
    """Whether anything is hidden from `user`."""
    return _rule(user) is not None or _limit(user) is not None


def may_see(workflow: Workflow, user: Any) -> bool:
    """Whether `user` may see this version."""
    return not narrowed(user) or visible(Workflow.objects.filter(pk=workflow.pk), user).exists()


def limit(user: Any, keys: Collection[str]) -> None:
    """From here on this user object, a superuser's too, sees the workflows with these keys and no others: in lists, and
    in what a definition may call or listen to."""
    user._sluice_workflows = list(keys)


def _pks(rule: Q) -> Q:
    # A subquery: a rule through a to-many relation (categories) must not repeat rows.
    return Q(pk__in=Workflow.objects.filter(rule).order_by().values("pk"))


def _limit(user: Any) -> list[str] | None:
    found: list[str] | None = getattr(user, "_sluice_workflows", None)
    return found


def _rule(user: Any) -> Q | None:
    """The host's rule for this person, or None where nothing is hidden."""
    path = conf().VISIBLE
    if path is None or getattr(user, "is_superuser", False):
        return None
    rule = import_string(path)(user)
    if not isinstance(rule, Q):
        raise TypeError(f'SLUICE["VISIBLE"]: {path} must answer a Q of Workflow, not {type(rule).__name__}.')
    return rule
