"""A task for people, who answer by a form (spec 5.20)."""

from collections.abc import Iterator
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Literal, Protocol

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from pydantic import Field, field_validator

from workflows import formfields, people
from workflows.coercion import find_writable
from workflows.collections import ModelType, resolve, sensitive, write_alias
from workflows.errors import Invalid, check_all
from workflows.expressions import Template, compile_template
from workflows.expressions.placeholders import ROOTS
from workflows.expressions.text import to_text
from workflows.instructions.base import Effect, Instruction, NodeConfig, Outcome, Step, TaskRequest, Wait
from workflows.instructions.data import check_filter, check_values
from workflows.shapes import ANY, Shape
from workflows.statuses import JobStatus
from workflows.templating import check_templates

if TYPE_CHECKING:
    from workflows.models import Workflow

#: What presets and filters of forms find besides a node's templates, each under its own name and NocoBase's.
FORM_ROOTS = ("$user", "$nForm", "$nDate", "currentUser", "currentRecord", "currentTime")

LONGEST_DESCRIPTION = 20_000
_WRITES = {"create": "add", "update": "change"}
#: Places that are rendered when an answer comes, not when the step runs.
_LATER = ("schema", "forms")


class Action(NodeConfig):
    """A button. 1 resolves, -5 rejects, 0 keeps what was filled in as a draft."""

    key: str = Field(min_length=1, max_length=64)
    status: Literal[1, -5, 0] = 1
    title: str = ""
    #: Override what was filled in, unless it is a draft; templates.
    values: dict[str, Any] = Field(default_factory=dict)

    @field_validator("values", "title", mode="before")
    @classmethod
    def _default(cls, value: object, info: Any) -> object:
        return cls.model_fields[info.field_name].get_default(call_default_factory=True) if value is None else value

    @property
    def drafts(self) -> bool:
        """Whether it keeps what was filled in and decides nothing."""
        return self.status == 0

    @property
    def label(self) -> str:
        labels = {1: gettext("Resolve"), -5: gettext("Reject"), 0: gettext("Save as draft")}
        return self.title or labels[self.status]


class Form(NodeConfig):
    """What is filled in: values for the steps after it, or a row of a model."""

    type: Literal["custom", "create", "update"] = "custom"
    title: str = ""
    #: JSON Schema, or a list of fields (`workflows.formfields`); of a row the names of its fields.
    fields: Any = Field(default=None, alias="schema", json_schema_extra={"x-editor": "fields"})
    collection: str = ""
    data_source: str | None = None
    filter: Any = None
    actions: list[Action] = Field(default_factory=list)

    @field_validator("actions", "title", "collection", mode="before")
    @classmethod
    def _default(cls, value: object, info: Any) -> object:
        return cls.model_fields[info.field_name].get_default(call_default_factory=True) if value is None else value

    @property
    def writes(self) -> str | None:
        """The permission's action of a form that writes a row: "add" or "change"."""
        return _WRITES.get(self.type)

    @property
    def reference(self) -> str:
        """The model with its alias, as collections are named."""
        named = self.data_source and self.data_source not in ("main",) and ":" not in self.collection
        return f"{self.data_source}:{self.collection}" if named else self.collection

    @cached_property
    def model(self) -> ModelType:
        return resolve(self.reference)

    @cached_property
    def alias(self) -> str:
        return write_alias(self.reference)

    def action(self, key: Any) -> Action | None:
        return next((action for action in self.actions if action.key == key), None)

    def names(self) -> list[str]:
        """Of a form that writes a row: the model's fields that may be filled in."""
        fields = [*self.model._meta.concrete_fields, *self.model._meta.many_to_many]
        open_ones = [field.name for field in fields if field.editable and not sensitive(field)]
        named = self.listed()
        return open_ones if named is None else [name for name in named if name in open_ones]

    def listed(self) -> list[str] | None:
        """Of a form that writes a row: the fields that its schema names; None where it names none, and means all."""
        if isinstance(self.fields, list):
            return [str(item if isinstance(item, str) else (item or {}).get("name")) for item in self.fields]
        return [field.name for field in formfields.parse(self.fields)] or None


class HasForms(Protocol):
    """A configuration with forms by key."""

    @property
    def forms(self) -> dict[str, Form]: ...

    def fields_of(self, key: str) -> list[formfields.FormField]: ...


class ManualConfig(NodeConfig):
    assignees: people.People = None
    #: 0: the first answer counts; 1: all must resolve; -1: one that resolves is enough.
    mode: Literal[0, 1, -1] = 0
    title: str = ""
    #: What the task is about, shown with it; a template.
    description: str = ""
    #: How the page looks to other engines' clients; plain JSON Schema also serves forms without fields of their own.
    page: Any = Field(default=None, alias="schema")
    forms: dict[str, Form] = Field(default_factory=dict)

    @field_validator("mode", "title", "description", "forms", mode="before")
    @classmethod
    def _default(cls, value: object, info: Any) -> object:
        return cls.model_fields[info.field_name].get_default(call_default_factory=True) if value is None else value

    def fields_of(self, key: str) -> list[formfields.FormField]:
        """The fields of a custom form; none where it takes any values. Raises `Invalid`."""
        form = self.forms[key]
        own = formfields.parse(form.fields, f"forms.{key}.schema")
        return own if form.fields is not None else formfields.parse(self.page)


class Manual(Instruction[ManualConfig]):
    type = "manual"
    title = _("Task for people")
    group = _("People")
    description = _("Asks people to fill in a form and to decide; waits for their answers.")
    Config = ManualConfig
    waits_outside = True
    asks = True
    verbatim = _LATER

    def check(self, config: ManualConfig, workflow: "Workflow | None" = None) -> None:
        self.compile(config)
        check_all(
            lambda: people.check(config.assignees, "assignees"),
            lambda: formfields.parse(config.page),
            *(partial(check_form, config, key, form, f"forms.{key}") for key, form in config.forms.items()),
        )

    def remarks(self, config: ManualConfig) -> list[tuple[str, str]]:
        found = list(_wrong_templates(config))
        actions = [action for form in config.forms.values() for action in form.actions]
        if not any(action.status for action in actions):
            sentence = gettext("Nobody can decide; add a form with an action that resolves or rejects.")
            found.insert(0, ("forms", sentence))
        if config.assignees in (None, "", [], {}):
            found.insert(0, ("assignees", gettext("Nobody is asked, so the step passes at once; name people.")))
        return found

    def people_of(self, config: ManualConfig) -> dict[str, Any]:
        return {"assignees": config.assignees}

    def compile(self, config: ManualConfig) -> Template:
        return compile_template(
            {"assignees": config.assignees, "title": config.title, "description": config.description}
        )

    def effect_of(self, config: ManualConfig) -> Effect:
        # What a filter asks may fail in the database, and must not take other runs' work along.
        return Effect.TRANSACTIONAL if people.has_filter(config.assignees) else Effect.PURE

    writes = False

    def written_models(self, config: ManualConfig) -> list[tuple[str, str]]:
        return [(form.reference, form.writes) for form in config.forms.values() if form.writes]

    def result_shape(self, config: ManualConfig) -> Shape:
        if config.mode != 0:
            return Shape("number")
        return Shape("object", parts={key: _form_shape(config, key) for key in config.forms})

    def run(self, step: Step) -> Outcome:
        config: ManualConfig = step.config
        rendered = step.compiled.render(step.scope)
        title = to_text(rendered["title"]) or step.node.title or str(self.title)
        step.input = {**rendered, "mode": config.mode}
        asked = people.find(rendered["assignees"], filtered=people.has_filter(config.assignees))
        step.input["assignees"] = asked.ids
        if not asked.ids:
            # Nobody was meant to be asked; else it must not pass unseen that there is nobody to ask.
            failure = {"message": asked.log[0][1]} if asked.log else None
            return Outcome(JobStatus.FAILED if failure else JobStatus.RESOLVED, failure)
        return Outcome(
            JobStatus.PENDING,
            [] if config.mode else None,
            wait=Wait.OUTSIDE,
            tasks=requests(asked, "manual", step, title, rendered["description"]),
            log=asked.log,
        )


def requests(asked: people.Found, type: str, step: Step, title: str, description: Any) -> list[TaskRequest]:
    """A task for each; what a person is to read goes with it."""
    text = to_text(description)[:LONGEST_DESCRIPTION]
    meta = {"description": text} if text.strip() else None
    return [TaskRequest(user, title, type, round=step.attempt, meta=meta) for user in asked.ids]


def check_form(config: HasForms, key: str, form: Form, path: str) -> None:
    """Raises `Invalid` (paths below `path`) for a form that can't be filled in or written."""
    if key == formfields.RESERVED or "." in key or len(key) > formfields.LONGEST_NAME:
        raise Invalid(gettext("A form's key has at most 64 characters, no dots, and is not _ alone."), field=path)
    keys = [action.key for action in form.actions]
    if len(set(keys)) < len(keys):
        raise Invalid(gettext("Each action of a form has a key of its own."), field=f"{path}.actions")
    if form.writes is None:
        config.fields_of(key)
        return
    try:
        model = form.model
        for index, name in enumerate(form.listed() or []):
            if sensitive(find_writable(model, name, path=f"schema.{index}")):
                raise Invalid(gettext("%s is never shown, so a form can't ask for it.") % name, field=f"schema.{index}")
        if form.type == "update":
            check_filter(model, form.filter, required=True)
        for index, action in enumerate(form.actions):
            _check_presets(model, action, index)
    except Invalid as error:
        below = {f"{path}.{name.removeprefix('params.')}": text for name, text in error.errors.items()}
        raise Invalid(error.message, field=next(iter(below), path), errors=below) from None


def _check_presets(model: ModelType, action: Action, index: int) -> None:
    try:
        check_values(model, action.values)
    except Invalid as error:
        below = {f"actions.{index}.{name.removeprefix('params.')}": text for name, text in error.errors.items()}
        raise Invalid(error.message, field=next(iter(below), None), errors=below) from None


def _wrong_templates(config: ManualConfig) -> Iterator[tuple[str, str]]:
    """Placeholders in what is rendered when an answer comes; told, and left as text by the run."""
    raw = {key: {"filter": form.filter, "values": [action.values for action in form.actions]}
           for key, form in config.forms.items()}  # fmt: skip
    try:
        check_templates({"forms": raw}, roots=(*ROOTS, *FORM_ROOTS))
    except Invalid as error:
        yield from error.errors.items()


def _form_shape(config: ManualConfig, key: str) -> Shape:
    form = config.forms[key]
    try:
        names = form.names() if form.writes else [field.name for field in config.fields_of(key)]
    except Invalid:
        return ANY
    return Shape("object", parts=dict.fromkeys(names, ANY))
