"""What may be saved: configurations as their kinds check them, options, policies, columns, and who may save them."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.contrib.auth import get_permission_codename
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db.models import Field, Model
from django.utils.translation import gettext as _
from pydantic import BaseModel

from workflows import ambient, jsoninput
from workflows.errors import Invalid, check_all, refuse
from workflows.instructions import get_instruction
from workflows.instructions.base import Effect, Instruction, parse_config
from workflows.keys import check_known
from workflows.models import Workflow
from workflows.options import STRICT, WorkflowOptions
from workflows.policy import Policy
from workflows.templating import check_templates
from workflows.triggers import get_trigger
from workflows.triggers.base import Trigger

#: Options that are templates.
_TEMPLATES = ("lane", "concurrency", "rate", "debounce", "searchAttributes", "search_attributes")


@contextmanager
def inside(prefix: str) -> Iterator[None]:
    """Errors raised inside name paths below `prefix`."""
    try:
        yield
    except Invalid as error:
        # Changed in place: its class and what else it carries (an expression's position) stay.
        paths = error.errors or {error.field or prefix: error.message}
        error.errors = {_below(prefix, path): message for path, message in paths.items()}
        error.codes = {_below(prefix, path): code for path, code in error.codes.items()}
        error.field = next(iter(error.errors))
        raise


def check_trigger(workflow: Workflow, *, stored: Any = None, lenient: bool = False) -> None:
    """Raises `Invalid` ("type", "config.…") where the workflow's kind is unknown or refuses its configuration.

    Keys that the kind doesn't know, and templates that can't be meant as they are written, are refused unless they
    stand in `stored` or `lenient` takes any.
    """
    trigger, config = get_trigger(workflow.type), workflow.config
    with inside("config"):
        jsoninput.check(config)
        check_all(
            lambda: _check_keys(lenient, trigger.Config, config, stored),
            lambda: _check_templates(lenient, trigger, config, stored),
            lambda: trigger.check(trigger.parse(config), workflow),
        )


def check_node(
    type: Any, config: Any, workflow: Workflow, by: Any, *, stored: Any = None, lenient: bool = False
) -> None:
    """Raises `Invalid` ("type", "config.…") where the kind is unknown or refuses it, or where `by` may not save it.

    Of unknown keys and of templates as `check_trigger`.
    """
    instruction = get_instruction(type if isinstance(type, str) else repr(type))
    check_kind(instruction, config, workflow, by, stored=stored, lenient=lenient)


def check_kind(
    instruction: Instruction[Any],
    config: Any,
    workflow: Workflow | None,
    by: Any,
    *,
    stored: Any = None,
    lenient: bool = False,
) -> None:
    """As `check_node`, of a kind that need not be registered, or whose node stands in no workflow."""
    check_all(
        lambda: check_may_save(instruction, by),
        lambda: _check_config(instruction, config, workflow, by, stored, lenient),
    )


def _check_config(
    instruction: Instruction[Any], config: Any, workflow: Workflow | None, by: Any, stored: Any, lenient: bool
) -> None:
    with inside("config"):
        jsoninput.check(config)
        check_all(
            lambda: _check_keys(lenient, instruction.Config, config, stored),
            # Before the kind's own: to it what is not closed is plain text, and may not fit.
            lambda: _check_templates(lenient, instruction, config, stored),
            lambda: _check_by_kind(instruction, config, workflow, by),
        )


def check_may_save(instruction: Instruction[Any], by: Any) -> None:
    """A kind may ask for a permission of its own; `by` None is the system itself. Raises `Invalid` (field "type")."""
    permission = instruction.permission
    if by is not None and permission is not None and not by.has_perm(permission):
        raise Invalid(
            _("To save a node of type %(type)s you need the permission %(permission)s; ask for it.")
            % {"type": instruction.type, "permission": permission},
            field="type",
        )


def _check_by_kind(instruction: Instruction[Any], config: Any, workflow: Workflow | None, by: Any) -> None:
    parsed = instruction.parse(config)
    check_all(
        lambda: instruction.check(parsed, workflow),
        lambda: check_permissions(instruction.written_models(parsed), by),
    )


def _check_keys(lenient: bool, model: type[BaseModel], raw: Any, stored: Any, prefix: str = "") -> None:
    if not lenient:
        check_known(model, raw, stored, prefix)


def _check_templates(lenient: bool, kind: Instruction[Any] | Trigger[Any], raw: Any, stored: Any) -> None:
    # A run leaves them as text, and clients of dialects may count on that (spec nocobase-engine 6.4).
    if not lenient:
        check_templates(raw, stored, verbatim=kind.verbatim, expressions=kind.expressions)


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


def check_options(raw: Any, *, sync: bool, stored: Any = None, lenient: bool = False) -> None:
    """Raises `Invalid` ("options.…"); a sync workflow may not have its runs wait for others, for its caller can't.

    `lenient` takes what the engine takes: unknown keys, odd templates, and values that mean none (spec nocobase-engine
    1.2).
    """
    context = None if lenient else STRICT
    check_all(
        lambda: _check_keys(lenient, WorkflowOptions, raw, stored, "options"),
        lambda: _check_option_templates(lenient, raw, stored),
        lambda: _check_flow(parse_config(WorkflowOptions, raw, "options", context=context), sync, lenient),
    )


def _check_option_templates(lenient: bool, raw: Any, stored: Any) -> None:
    if lenient or not isinstance(raw, dict):
        return
    with inside("options"):
        # They are rendered where a run begins: there is nothing yet but what set it off.
        templates = {name: raw[name] for name in _TEMPLATES if name in raw}
        check_templates(templates, stored, roots=("$context",))


def _check_flow(options: WorkflowOptions, sync: bool, lenient: bool) -> None:
    if options.lane and sync:
        raise Invalid(_("A synchronous workflow can't have a lane; leave the lane empty."), field="options.lane")
    for name in ("concurrency", "rate", "debounce"):
        if sync and getattr(options, name) is not None:
            raise Invalid(
                _("Runs of a synchronous workflow can't wait for one another; leave this out."), field=f"options.{name}"
            )
    if lenient:
        return
    if options.concurrency is not None and options.concurrency.key and options.lane:
        raise Invalid(
            _("The lane is the key of the concurrency; leave one of both empty."), field="options.concurrency.key"
        )
    if options.rate is not None and options.rate.key != options.lane_template:
        raise Invalid(
            _(
                "Concurrency and rate go by one key; give this the key %r too, or limit one of both in a workflow that "
                "this one calls."
            )
            % options.lane_template,
            field="options.rate.key",
        )


def check_policy(raw: Any, type: Any, config: Any, *, stored: Any = None, lenient: bool = False) -> None:
    """Raises `Invalid` ("policy.…"), also for a time-out where the kind has nothing to limit; of unknown keys, and of a
    time-out that is stored already, as `check_trigger`."""
    check_all(
        lambda: _check_keys(lenient, Policy, raw, stored, "policy"),
        lambda: parse_config(Policy, raw, "policy"),
        lambda: _check_timeout(raw, type, config, stored, lenient),
    )


def _check_timeout(raw: Any, type: Any, config: Any, stored: Any, lenient: bool) -> None:
    given = raw.get("timeout") if isinstance(raw, dict) else None
    if lenient or not given or (isinstance(stored, dict) and stored.get("timeout") == given):
        return
    try:
        instruction = get_instruction(type)
        external = instruction.effect_of(instruction.parse(config)) is Effect.EXTERNAL
    except Invalid:
        return  # told by the other checks
    if not external and not instruction.waits_outside:
        raise Invalid(
            _(
                "A node of type %s calls nobody and waits for nobody outside, so it has no time-out; leave it out, or "
                "limit the whole run by the workflow's options."
            )
            % type,
            field="policy.timeout",
        )


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
    refuse(errors)


def who(by: Any) -> int | None:
    """The id to note as author: that of `by`, else of the signed-in user on whose behalf this code runs."""
    return by.pk if by is not None else ambient.actor_id()


def _below(prefix: str, path: str) -> str:
    return prefix if path in ("", prefix) else f"{prefix}.{path}"
