"""One statement of SQL on an allowed database (spec 5.25)."""

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import connections
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from pydantic import field_validator

from workflows.collections import engine_alias
from workflows.conf import conf
from workflows.errors import Invalid
from workflows.expressions import compile_template
from workflows.instructions.base import Effect, Instruction, NodeConfig, Outcome, Step
from workflows.instructions.evaluating import located
from workflows.instructions.sql_running import PLACES, Bounds, Found, TooSlow, rolled_back, run_statement
from workflows.instructions.sql_text import READING, WRITING, Statement, parse_statement
from workflows.secrecy import masked
from workflows.shapes import Shape
from workflows.statuses import JobStatus

if TYPE_CHECKING:
    from workflows.models import Workflow

_QUERIES = READING - {"explain", "show", "describe", "desc"}
#: Below what frees a run's rows from a frozen worker (30 s): a step in the run's transaction fails by itself.
_SECONDS_IN_SEGMENT = 25.0


class Variable(NodeConfig):
    name: str = ""
    value: Any = None


class SqlConfig(NodeConfig):
    #: An alias of `DATABASES`; "main" is the default one.
    data_source: str = "main"
    sql: str = ""
    #: What `:name` in the statement stands for.
    variables: list[Variable] = []
    #: Whether the statement may write; the alias must be set up for that too.
    write: bool = False
    #: The result is [rows, {"rowCount", "columns", "truncated"}].
    with_meta: bool = False

    @field_validator("*", mode="before")
    @classmethod
    def _default(cls, value: object, info: Any) -> object:
        return cls.model_fields[info.field_name].get_default(call_default_factory=True) if value is None else value

    @property
    def alias(self) -> str:
        named = self.data_source
        return "default" if named == "main" and named not in settings.DATABASES else named

    def values(self) -> dict[str, Any]:
        return {variable.name.strip().removeprefix(":"): variable.value for variable in self.variables}


class Sql(Instruction[SqlConfig]):
    type = "sql"
    title = _("SQL")
    group = _("Extended")
    description = _("Runs one statement of SQL; the rows are its result.")
    Config = SqlConfig
    effect = Effect.EXTERNAL
    permission = "workflows.use_sql"
    testable = True

    def check(self, config: SqlConfig, workflow: "Workflow | None" = None) -> None:
        _check_alias(config)
        with located("variables"):
            compile_template(config.values())
        _statement(config)

    def compile(self, config: SqlConfig) -> Any:
        """(statement, the variables' template)."""
        _check_alias(config)
        return _statement(config), compile_template(config.values())

    def effect_of(self, config: SqlConfig) -> Effect:
        """What it writes on the engine's database is one commit with its job; all else is outside of the run."""
        return Effect.TRANSACTIONAL if config.write and config.alias == engine_alias() else Effect.EXTERNAL

    def tried_within(self, config: SqlConfig, seconds: float) -> AbstractContextManager[bool]:
        # What only reads is bounded and rolled back by itself.
        return rolled_back(config.alias) if config.write else nullcontext(False)

    def on_lost_of(self, config: SqlConfig) -> str:
        return "error" if config.write else "again"

    def attempt_seconds_of(self, config: SqlConfig) -> float:
        return conf().SQL_SECONDS

    def input_of(self, step: Step) -> Any:
        variables = compile_template(step.config.values()).render(step.scope)
        named = [{"name": name, "value": value} for name, value in variables.items()]
        return masked({"dataSource": step.config.alias, "sql": step.config.sql, "variables": named})

    def result_shape(self, config: SqlConfig) -> Shape:
        return Shape("list")

    def run(self, step: Step) -> Outcome:
        step.input = self.input_of(step)
        return _run(step, _SECONDS_IN_SEGMENT)

    def perform(self, step: Step) -> Outcome:
        return _run(step, conf().SQL_SECONDS)


def _check_alias(config: SqlConfig) -> None:
    """Asked when the node is saved and again when it runs: what was allowed may no longer be."""
    allowed = conf().SQL_ALIASES.get(config.alias)
    if allowed is None or config.alias not in settings.DATABASES:
        raise Invalid(
            gettext("SQL nodes may not use the database %(alias)r; SLUICE['SQL_ALIASES'] lets them use: %(known)s.")
            % {"alias": config.alias, "known": ", ".join(sorted(conf().SQL_ALIASES)) or gettext("none")},
            field="dataSource",
        )
    if config.write and allowed != "write":
        raise Invalid(
            gettext("SQL nodes may only read %r; \"write\" in SLUICE['SQL_ALIASES'] would let them.") % config.alias,
            field="write",
        )
    if connections[config.alias].vendor not in PLACES:
        raise Invalid(gettext("SQL nodes know PostgreSQL, MariaDB, MySQL and SQLite only."), field="dataSource")


def _statement(config: SqlConfig) -> Statement:
    statement = parse_statement(config.sql, frozenset(config.values()), connections[config.alias].vendor)
    known = READING | WRITING if config.write else READING
    if statement.keyword and statement.keyword not in known:
        raise Invalid(
            gettext("A statement here begins with one of %(known)s, not with %(word)s.")
            % {"known": ", ".join(sorted(word.upper() for word in known)), "word": statement.keyword.upper()},
            field="sql",
        )
    return statement


def _run(step: Step, most: float) -> Outcome:
    config: SqlConfig = step.config
    statement, variables = step.compiled
    if not statement.keyword:
        return Outcome()
    text, values = statement.bind(step.scope, variables.render(step.scope), PLACES[connections[config.alias].vendor])
    seconds = min(step.timeout or most, most, conf().SQL_SECONDS)
    bounds = Bounds(seconds, conf().SQL_ROWS, config.write, statement.keyword in _QUERIES)
    try:
        found = run_statement(config.alias, text, values, bounds)
    except TooSlow as error:
        return Outcome(JobStatus.ERROR, {"message": str(error), "code": error.code}, timed_out=True)
    return _outcome(found, config.with_meta)


def _outcome(found: Found, with_meta: bool) -> Outcome:
    """Rows as objects; of a statement without rows, how many it changed."""
    columns = found.columns
    result: Any = found.changed if columns is None else [dict(zip(columns, row, strict=True)) for row in found.rows]
    count = found.changed if columns is None else len(found.rows)
    meta = {"rowCount": count, "columns": columns or [], "truncated": found.truncated}
    cut = gettext("There were more than %d rows; the rest was cut. Narrow the statement, or raise SLUICE['SQL_ROWS'].")
    log = [("WARN", cut % len(found.rows))] if found.truncated else []
    return Outcome(result=[result, meta] if with_meta else result, meta=meta, log=log)
