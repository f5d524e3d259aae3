"""Approval: people agree, reject or send back, together or one after another (spec 4.7, 5.28)."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from pydantic import Field, field_validator

from workflows import formfields, people
from workflows.errors import Invalid, check_all
from workflows.expressions import Template, compile_template
from workflows.expressions.text import to_text
from workflows.instructions.base import (
    Branch,
    Effect,
    Instruction,
    NodeConfig,
    Outcome,
    Step,
    StepJob,
    TaskRequest,
    Wait,
)
from workflows.instructions.manual import Form, check_form
from workflows.shapes import ANY, Shape
from workflows.statuses import JobStatus
from workflows.templating import check_templates

if TYPE_CHECKING:
    from workflows.models import Workflow

#: What the result and its records say (spec 4.7); the task's own status is a job's.
APPROVED, REJECTED, RETURNED, OPEN = 2, -1, 1, 0
#: The branch of each. -1 is every node's branch for its own failure.
BRANCHES = {APPROVED: 2, RETURNED: 1, REJECTED: 0}
#: The key of its one form.
DATA = "data"
#: `meta` of the job: the people of each line, the next of whom is asked when the one before has answered.
LINES = "lines"


class ApprovalConfig(NodeConfig):
    assignees: people.People = None
    title: str = ""
    description: str = ""
    #: A branch for each end; without, a rejection or a return ends the line REJECTED.
    branch_mode: bool = False
    #: With branches: whether the line ends REJECTED behind that branch.
    end_on_reject: bool = True
    end_on_return: bool = True
    #: anyone: the first who agrees; countersign: all; vote: more than `ratio` of all.
    agreement: Literal["anyone", "countersign", "vote"] = "anyone"
    ratio: float = Field(default=0.5, ge=0, lt=1)
    #: Whether all are asked at once, or each when the one before has answered.
    order: Literal["parallel", "sequential"] = "parallel"
    #: What becomes of a step that has nobody to ask.
    on_empty: Literal["error", "pass"] = "error"
    #: What is approved: the result's `data`, which approvers may change by the form.
    data: Any = "{{$context.data}}"
    #: What approvers may change; a form of the type update writes the row, too.
    form: Form | None = None
    allow_return: bool = False
    #: To whom an approver may hand over, and whom they may add: nobody, anybody, or people and filters of people.
    delegate: bool | people.People = False
    add_signers: bool | people.People = False
    #: How the page looks to other engines' clients.
    page: Any = Field(default=None, alias="schema")

    @field_validator("*", mode="before")
    @classmethod
    def _default(cls, value: object, info: Any) -> object:
        return cls.model_fields[info.field_name].get_default(call_default_factory=True) if value is None else value

    @property
    def forms(self) -> dict[str, Form]:
        return {} if self.form is None else {DATA: self.form}

    def fields_of(self, key: str) -> list[formfields.FormField]:
        """The fields of the form; none where it takes any values. Raises `Invalid`."""
        return formfields.parse(self.forms[key].fields, "form.schema")


class Approval(Instruction[ApprovalConfig]):
    type = "approval"
    title = _("Approval")
    group = _("People")
    description = _("Asks people to approve, reject or send back; waits until they have decided.")
    Config = ApprovalConfig
    branching = True
    asks = True
    waits_outside = True
    writes = False
    # Rendered when somebody answers.
    verbatim = ("schema", "form")

    def check(self, config: ApprovalConfig, workflow: "Workflow | None" = None) -> None:
        self.compile(config)
        check_all(
            lambda: people.check(config.assignees, "assignees"),
            lambda: _check_scope(config.delegate, "delegate"),
            lambda: _check_scope(config.add_signers, "addSigners"),
            lambda: _check_form(config),
        )

    def remarks(self, config: ApprovalConfig) -> list[tuple[str, str]]:
        found = []
        if config.assignees in (None, "", []):
            found.append(("assignees", gettext("Nobody is asked; name people, or a template of them.")))
        try:
            # Left as text by the run, for it is rendered only when somebody answers.
            check_templates({"form": {"filter": config.form.filter if config.form is not None else None}})
        except Invalid as error:
            found += error.errors.items()
        return found

    def people_of(self, config: ApprovalConfig) -> dict[str, Any]:
        return {"assignees": config.assignees, "delegate": config.delegate, "addSigners": config.add_signers}

    def compile(self, config: ApprovalConfig) -> Template:
        asked = ("assignees", "title", "description", "data")
        return compile_template({name: getattr(config, name) for name in asked})

    def branches(self, config: ApprovalConfig) -> list[Branch]:
        titles = {APPROVED: _("Approved"), RETURNED: _("Returned"), REJECTED: _("Rejected")}
        return [Branch(BRANCHES[end], title) for end, title in titles.items()] if config.branch_mode else []

    def effect_of(self, config: ApprovalConfig) -> Effect:
        # What a filter asks may fail in the database, and must not take other runs' work along.
        return Effect.TRANSACTIONAL if people.has_filter(config.assignees) else Effect.PURE

    def written_models(self, config: ApprovalConfig) -> list[tuple[str, str]]:
        return [(form.reference, form.writes) for form in config.forms.values() if form.writes]

    def result_shape(self, config: ApprovalConfig) -> Shape:
        parts = {"id": Shape("number"), "userId": ANY, "status": Shape("number"), "comment": Shape("text")}
        records = Shape("list", parts={**parts, "updatedAt": Shape("moment")})
        return Shape("object", parts={"status": Shape("number"), "data": ANY, "records": records})

    def run(self, step: Step) -> Outcome:
        config: ApprovalConfig = step.config
        rendered = step.compiled.render(step.scope)
        step.input = {**rendered, "agreement": config.agreement, "order": config.order}
        asked = people.find(rendered["assignees"], filtered=people.has_filter(config.assignees))
        step.input["assignees"] = asked.ids
        result = {"status": OPEN, "data": rendered["data"], "records": []}
        if not asked.ids:
            return self._nobody(config, result, asked)
        lines = [asked.ids] if config.order == "sequential" else [[user] for user in asked.ids]
        title = to_text(rendered["title"]) or step.node.title or str(self.title)
        description = to_text(rendered["description"])
        meta = {LINES: lines, "title": title, "description": description, "round": step.attempt}
        tasks = [request(meta, line[0], place) for place, line in enumerate(lines)]
        return Outcome(JobStatus.PENDING, result, meta, wait=Wait.OUTSIDE, tasks=tasks, log=asked.log)

    def _nobody(self, config: ApprovalConfig, result: dict[str, Any], asked: people.Found) -> Outcome:
        """Unseen by anybody nothing passes, unless that is wanted."""
        if config.on_empty == "pass":
            outcome = ended(config, APPROVED, {**result, "status": APPROVED})
            outcome.log = asked.log
            return outcome
        message = gettext('There is nobody to ask; name people in assignees, or set onEmpty to "pass".')
        return Outcome(JobStatus.ERROR, {"message": message, "field": "assignees"}, log=asked.log)

    def branch(self, step: Step, by: StepJob | None) -> Outcome | None:
        """The branch of its end has ended, or has no node."""
        assert step.job is not None
        result = step.job.result
        if by is not None and by.status < 0:
            return Outcome(by.status, result)
        return Outcome(_behind(step.config, result["status"]), result)


def request(meta: Mapping[str, Any], user: Any, place: int) -> TaskRequest:
    """The task of one approver; what all share stands in the job's `meta`."""
    return TaskRequest(
        user, meta["title"], "approval", round=meta["round"], order=place, meta={"description": meta["description"]}
    )


def ended(config: ApprovalConfig, end: int, result: dict[str, Any]) -> Outcome:
    """What the job becomes once it is decided: the branch of its end is started, or the line goes on or ends."""
    if config.branch_mode:
        return Outcome(JobStatus.PENDING, result, wait=Wait.BRANCH, branch=BRANCHES[end])
    return Outcome(JobStatus.RESOLVED if end == APPROVED else JobStatus.REJECTED, result)


def _behind(config: ApprovalConfig, end: int) -> int:
    """The job's status behind the branch of this end."""
    stops = {REJECTED: config.end_on_reject, RETURNED: config.end_on_return}.get(end, False)
    return JobStatus.REJECTED if stops else JobStatus.RESOLVED


def verdict(config: ApprovalConfig, answers: Sequence[int], total: int) -> int:
    """What these answers (APPROVED, REJECTED) of `total` people come to; OPEN while more may change it."""
    agreed, rejected = answers.count(APPROVED), answers.count(REJECTED)
    if config.agreement == "anyone":
        return APPROVED if agreed else REJECTED if rejected >= total else OPEN
    if config.agreement == "countersign":
        return REJECTED if rejected else APPROVED if agreed >= total else OPEN
    # By its digits: 0.29 of 100 would be a little less than 29.
    needed = Decimal(str(config.ratio)) * total
    if agreed > needed:
        return APPROVED
    return REJECTED if total - rejected <= needed else OPEN


def _check_scope(scope: Any, path: str) -> None:
    if not isinstance(scope, bool):
        people.check(scope, path)


def _check_form(config: ApprovalConfig) -> None:
    if config.form is None:
        return
    if config.form.type == "create":
        raise Invalid(gettext("An approval changes a row or its own data; choose update or custom."), field="form.type")
    if config.form.actions:
        raise Invalid(gettext("An approval has its own buttons; leave the actions out."), field="form.actions")
    check_form(config, DATA, config.form, "form")
