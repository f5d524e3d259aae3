"""What may be saved: configurations as their kinds check them, options, policies, columns, and who may save them."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.contrib.auth import get_permission_codename
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db.models import Field, Model
from django.utils.translation import gettext as _

from workflows import ambient, jsoninput
from workflows.errors import Invalid
from workflows.instructions import get_instruction
from workflows.instructions.base import parse_config
from workflows.models import Workflow
from workflows.options import WorkflowOptions
from workflows.policy import Policy
from workflows.triggers import get_trigger


@contextmanager
def inside(prefix: str) -> Iterator[None]:
    """Errors raised inside name paths below `prefix`."""
    try:
        yield
    except Invalid as error:
        # Changed in place: its class and what else it carries (an expression's position) stay.
        paths = error.errors or {error.field or prefix: error.message}
        error.errors = {_below(prefix, path): message for path, message in paths.items()}
        error.field = next(iter(error.errors))
        raise


def check_trigger(workflow: Workflow) -> None:
    """Raises `Invalid` ("type", "config.…") where the workflow's kind is unknown or refuses its configuration."""
    trigger = get_trigger(workflow.type)
    with inside("config"):
        jsoninput.check(workflow.config)
        trigger.check(trigger.parse(workflow.config), workflow)


def check_node(type: Any, config: Any, workflow: Workflow, by: Any) -> None:
    """Raises `Invalid` ("type", "config.…") where the kind is unknown or refuses it, or where `by` may not save it."""
    instruction = get_instruction(type if isinstance(type, str) else repr(type))
    with inside("config"):
        jsoninput.check(config)
        parsed = instruction.parse(config)
        instruction.check(parsed, workflow)
        check_permissions(instruction.written_models(parsed), by)


def check_permissions(written: Sequence[tuple[str, str]], by: Any) -> None:
    """Whoever saves a node that writes a model needs that model's own permission; `by` None is the system itself."""
    if by is None:
        return
    from workflows.collections import resolve

    for collection, action in written:
        options = resolve(collection)._meta
        permission = f"{options.app_label}.{get_permission_codename(action, options)}"
        if not by.has_perm(permission):
            raise Invalid(
                _("To save a node that writes %(model)s you need the permission %(permission)s; ask for it.")
                % {"model": options.label, "permission": permission},
                field="collection",
            )


def check_options(raw: Any, *, sync: bool) -> WorkflowOptions:
    """Raises `Invalid` ("options.…"); a sync workflow may not name a lane, for its caller can't wait in one."""
    options = parse_config(WorkflowOptions, raw, "options")
    if not options.lane:
        return options
    if sync:
        raise Invalid(_("A synchronous workflow can't have a lane; leave the lane empty."), field="options.lane")
    if options.lane.count("{{") != options.lane.count("}}"):
        raise Invalid(
            _("A placeholder of the lane is not closed; write {{ before and }} behind it."), field="options.lane"
        )
    return options


def check_policy(raw: Any) -> Policy:
    """Raises `Invalid` ("policy.…")."""
    return parse_config(Policy, raw, "policy")


def check_columns(row: Model, names: Collection[str]) -> None:
    """Raises `Invalid`, one sentence a column, where values don't fit their columns."""
    errors: dict[str, Any] = {}
    for name in names:
        field: Field[Any, Any] = row._meta.get_field(name)  # type: ignore[assignment]
        value = getattr(row, field.attname)
        try:
            jsoninput.check(value, name)
            setattr(row, field.attname, field.clean(value, row))
        except Invalid as error:
            errors[error.field or name] = error.message
        except DjangoValidationError as error:
            errors[name] = " ".join(error.messages)
    if errors:
        first = next(iter(errors))
        raise Invalid(f"{first}: {errors[first]}", field=first, errors=errors)


def who(by: Any) -> int | None:
    """The id to note as author: that of `by`, else of the signed-in user on whose behalf this code runs."""
    return by.pk if by is not None else ambient.actor_id()


def _below(prefix: str, path: str) -> str:
    return path if path == prefix else f"{prefix}.{path}"
