"""A copy for information: it lands in people's inboxes, and the run goes on (spec 5.11)."""

from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext_lazy as _
from pydantic import Field, field_validator

from workflows import people
from workflows.expressions import Template, compile_template
from workflows.expressions.text import to_text
from workflows.instructions.base import Effect, Instruction, NodeConfig, Outcome, Step
from workflows.instructions.manual import requests

if TYPE_CHECKING:
    from workflows.models import Workflow


class CcConfig(NodeConfig):
    users: people.People = None
    title: str = ""
    #: What they shall know; a template.
    description: str = ""
    #: How the page looks to other engines' clients.
    page: Any = Field(default=None, alias="schema")

    @field_validator("title", "description", mode="before")
    @classmethod
    def _default(cls, value: object) -> object:
        return "" if value is None else value


class Cc(Instruction[CcConfig]):
    type = "cc"
    title = _("Copy to people")
    group = _("People")
    description = _("Puts a note into people's inboxes and goes on at once.")
    Config = CcConfig
    writes = False
    verbatim = ("schema",)

    def check(self, config: CcConfig, workflow: "Workflow | None" = None) -> None:
        self.compile(config)
        people.check(config.users, "users")

    def people_of(self, config: CcConfig) -> dict[str, Any]:
        return {"users": config.users}

    def compile(self, config: CcConfig) -> Template:
        return compile_template({"users": config.users, "title": config.title, "description": config.description})

    def effect_of(self, config: CcConfig) -> Effect:
        return Effect.TRANSACTIONAL if people.has_filter(config.users) else Effect.PURE

    def run(self, step: Step) -> Outcome:
        rendered = step.compiled.render(step.scope)
        title = to_text(rendered["title"]) or step.node.title or str(self.title)
        found = people.find(rendered["users"], filtered=people.has_filter(step.config.users))
        step.input = {**rendered, "users": found.ids}
        return Outcome(tasks=requests(found, "cc", step, title, rendered["description"]), log=found.log)
