"""Clocks: a workflow runs at set times, or at times that rows of a model hold (spec 4.2).

Here is what a schedule means; the executions app keeps when each fires next, and fires it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Literal, cast
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import models
from django.db.models import Model
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from pydantic import Field, ValidationError, field_validator

from workflows import timing
from workflows.coercion import field_value
from workflows.collections import Appends, load, parse_appends, reference, resolve, to_json, write_alias
from workflows.errors import Invalid, check_all
from workflows.instructions.base import NodeConfig
from workflows.shapes import Shape, of_row
from workflows.triggers.base import Listener, Trigger, TriggerConfig
from workflows.triggers.fields import ManualField
from workflows.triggers.schedule_times import Course, Cron, first_instant, to_second
from workflows.validation import inside

if TYPE_CHECKING:
    from workflows.models import Workflow

STATIC: Final = 0
OF_ROWS: Final = 1
DAY = 86_400_000
#: Milliseconds: schedules are kept to the second.
LEAST_REPEAT = 1_000
#: Milliseconds a century has; Python's own calendar ends at the year 9999.
MOST = 100 * 366 * DAY


class RowDate(NodeConfig):
    """A date that each row holds, `offset` units of `unit` milliseconds later, or earlier where it is negative."""

    field: str = Field(min_length=1)
    offset: float = Field(default=0, allow_inf_nan=False)
    unit: int = Field(default=DAY, ge=1, le=MOST)

    @property
    def shift(self) -> timedelta:
        return timedelta(milliseconds=max(-MOST, min(MOST, self.offset * self.unit)))


class ScheduleConfig(TriggerConfig):
    #: 0: at set times; 1: at times that rows hold.
    mode: Literal[0, 1] = STATIC
    #: Mode 1: "app.Model" or "alias:app.Model".
    collection: str | None = None
    #: When it fires first: ISO 8601, without an offset in the workflow's zone; mode 1: a date of the row.
    starts_on: RowDate | str | None = None
    #: Milliseconds, or a cron pattern of 5 fields, or of 6, seconds first; None fires once.
    repeat: int | str | None = None
    #: Nothing fires later.
    ends_on: RowDate | str | None = None
    #: The most fires, of all versions and all rows together.
    limit: int | None = Field(default=None, ge=1)
    #: Mode 1: relations that are loaded with the row.
    appends: list[str] = Field(default_factory=list)
    #: What becomes of times that passed while nothing worked: passed over, made up for once, or each.
    missed: Literal["skip", "fire_once", "fire_all"] = "fire_once"

    @field_validator("appends", "mode", "missed", mode="before")
    @classmethod
    def _none_is_default(cls, value: object, info: Any) -> object:
        return cls.model_fields[info.field_name].get_default(call_default_factory=True) if value is None else value

    @field_validator("starts_on", "ends_on", mode="before")
    @classmethod
    def _moment(cls, value: object) -> object:
        if isinstance(value, Mapping):
            # An empty object, as NocoBase writes it, is none; so is one that names no field.
            return _row_date(value) if value.get("field") else None
        if value is not None and not isinstance(value, str | RowDate):
            raise ValueError(_('Write a date and time like 2024-05-31T08:00:00Z, or {"field": "..."} for a row\'s.'))
        return value or None

    @field_validator("repeat", mode="before")
    @classmethod
    def _repeated(cls, value: object) -> object:
        if isinstance(value, str):
            return value.strip() or None
        if value is None or (isinstance(value, int | float) and not isinstance(value, bool) and value == value // 1):
            return value
        raise ValueError(_("Write milliseconds, a cron pattern, or null for no repeat."))

    @cached_property
    def model(self) -> type[Model]:
        return resolve(self.collection)

    @cached_property
    def alias(self) -> str:
        """The database whose rows are meant."""
        return write_alias(self.collection or "")

    @cached_property
    def tree(self) -> Appends:
        return parse_appends(self.model, self.appends)

    def load(self, keys: Sequence[Any]) -> dict[Any, Model]:
        """The rows with these keys as they stand, with their `appends`, by key."""
        rows = self.model._base_manager.using(self.alias).filter(pk__in=keys)
        return {row.pk: row for row in cast("Sequence[Model]", load(rows, self.tree))}


@dataclass(frozen=True)
class Plan:
    """A configuration in its zone: what fires when. Made by `plan`, so what it is made of has been read."""

    config: ScheduleConfig
    zone: tzinfo
    repeat: Cron | timedelta | None
    #: Mode 0: its times; mode 1 has them by row.
    course: Course | None
    #: Mode 1: the end that is the same for all rows.
    end: datetime | None

    @property
    def by_rows(self) -> bool:
        return self.config.mode == OF_ROWS

    @property
    def starts(self) -> RowDate:
        """Mode 1."""
        return cast(RowDate, self.config.starts_on)

    @property
    def fields(self) -> list[str]:
        """Mode 1: the dates that a row's times are made of."""
        return [each.field for each in (self.config.starts_on, self.config.ends_on) if isinstance(each, RowDate)]

    def course_of(self, row: Model) -> Course | None:
        """Mode 1: the row's times; None where it holds no date."""
        start, end = self._moment(row, self.starts), self.end
        if start is None:
            return None
        if isinstance(self.config.ends_on, RowDate):
            end = self._moment(row, self.config.ends_on)
        return Course(start, self.repeat, end)

    def _moment(self, row: Model, wanted: RowDate) -> datetime | None:
        value = getattr(row, wanted.field)
        if not isinstance(value, date):
            return None
        try:
            if isinstance(value, datetime) and timezone.is_naive(value):
                # A project without zones keeps its own local time.
                value = first_instant(value, timezone.get_default_timezone())
            return to_second(_aware(value, self.zone) + wanted.shift)
        except OverflowError:
            return None

    def bound(self, moment: datetime) -> Any:
        """Mode 1: what a row's column holds if the row starts at this moment."""
        shifted = moment - self.starts.shift
        field = self.config.model._meta.get_field(self.starts.field)
        if isinstance(field, models.DateTimeField):
            return shifted if settings.USE_TZ else timezone.make_naive(shifted, timezone.get_default_timezone())
        return shifted.astimezone(self.zone).date()


def plan(config: ScheduleConfig, zone: tzinfo) -> Plan:
    """Raises `Invalid` for what can't be meant: no start, no date, a pattern that never fires, an end too early."""
    found: dict[str, Any] = {}
    check_all(
        lambda: found.update(repeat=_repeat(config.repeat, zone)),
        lambda: found.update(start=_start(config, zone)),
        lambda: found.update(end=_end(config, zone)),
    )
    start, end = found["start"], found["end"]
    if start is not None and end is not None and end < start:
        raise Invalid(_("It ends before it starts; choose a later end."), field="endsOn")
    course = None if start is None else Course(start, found["repeat"], end)
    return Plan(config, zone, found["repeat"], course, end)


def zone_of(workflow: "Workflow") -> tzinfo:
    """Whose local time the workflow goes by: its own, else the project's. Raises `Invalid` (field "time_zone")."""
    try:
        return ZoneInfo(workflow.time_zone) if workflow.time_zone else timezone.get_default_timezone()
    except (KeyError, OSError, ValueError):
        raise Invalid(
            _('There is no time zone %s; choose one like "Europe/Berlin".') % workflow.time_zone, field="time_zone"
        ) from None


class ScheduleTrigger(Trigger[ScheduleConfig]):
    type = "schedule"
    title = gettext_lazy("Schedule")
    description = gettext_lazy("At set times, again and again if need be, or at times that rows of a model hold.")
    Config = ScheduleConfig
    sync = False
    verbatim = ("startsOn", "endsOn", "repeat")

    def check(self, config: ScheduleConfig, workflow: "Workflow | None" = None) -> None:
        try:
            zone = timezone.get_default_timezone() if workflow is None else zone_of(workflow)
        except Invalid:
            # Said of its own field.
            zone = UTC
        if config.mode == STATIC:
            plan(config, zone)
            return
        model = _chosen(config)
        check_all(
            lambda: plan(config, zone),
            lambda: _check_date(model, config.starts_on, "startsOn"),
            lambda: _check_date(model, config.ends_on, "endsOn"),
            lambda: parse_appends(model, config.appends),
        )

    def context_shape(self, config: ScheduleConfig) -> Shape:
        parts = {"date": Shape("moment", gettext_lazy("the time it was due"))}
        if config.mode == OF_ROWS:
            parts["data"] = of_row(_chosen(config), config.tree)
        return Shape("object", parts=parts)

    def listen(self, listeners: Sequence[Listener]) -> None:
        if _listen is not None:
            _listen(listeners)

    def manual_fields(self, config: ScheduleConfig) -> list[ManualField]:
        date = ManualField("date", "moment", gettext_lazy("the time it was due"))
        if config.mode == STATIC:
            return [date]
        model = _chosen(config)
        return [ManualField("data", "row", model._meta.verbose_name or "", True, model), date]

    def validate_context(self, config: ScheduleConfig, values: Any) -> dict[str, Any]:
        try:
            _given(config, values)
        except Invalid as error:
            return error.errors
        return {}

    def manual_context(self, config: ScheduleConfig, values: Any) -> Any:
        """`values` may give the `date`; mode 1 asks for "data": the row's key, or the row as an object."""
        given, pk = _given(config, values)
        context = {**given, "date": given.get("date") or timing.now()}
        if config.mode == STATIC or (isinstance(given["data"], Mapping) and not (config.appends and pk is not None)):
            return context
        row = config.load([pk]).get(pk)
        if row is None:
            raise Invalid(
                _("There is no %(model)s %(key)r.") % {"model": reference(config.model), "key": pk}, field="data"
            )
        return {**context, "data": to_json(row, config.tree, model=config.model)}


_listen: Callable[[Sequence[Listener]], None] | None = None


def connect(listen: Callable[[Sequence[Listener]], None]) -> None:
    """Called by the executions app when it starts: `listen` is handed the enabled schedules when these changed."""
    global _listen
    _listen = listen


def _given(config: ScheduleConfig, values: Any) -> tuple[dict[str, Any], Any]:
    """(values, the row's key). Raises `Invalid` naming what is missing."""
    if values is not None and not isinstance(values, Mapping):
        raise Invalid(_('The values are an object, such as {"date": "2024-05-31T08:00:00Z"}.'), field="values")
    given = dict(values or {})
    if config.mode == STATIC:
        return given, None
    model, data = _chosen(config), given.get("data")
    if data is None:
        raise Invalid(_("Name the row: its key, or the row as an object."), field="data")
    raw = data.get(model._meta.pk.name) if isinstance(data, Mapping) else data
    return given, None if raw is None else field_value(model._meta.pk, raw, path="data")


def _chosen(config: ScheduleConfig) -> type[Model]:
    if config.collection is None:
        raise Invalid(_("Choose the model whose rows hold the dates."), field="collection")
    return config.model


def _row_date(raw: Mapping[str, Any]) -> RowDate:
    try:
        return RowDate.model_validate(raw)
    except ValidationError:
        raise ValueError(
            _(
                'Write {"field": "...", "offset": 0, "unit": 86400000}: a date of the row, and how many units of so'
                " many milliseconds later."
            )
        ) from None


def _repeat(repeat: int | str | None, zone: tzinfo) -> Cron | timedelta | None:
    if repeat is None:
        return None
    if isinstance(repeat, int):
        if not LEAST_REPEAT <= repeat <= MOST:
            raise Invalid(_("It repeats after 1000 milliseconds or more, a century at most."), field="repeat")
        return timedelta(seconds=repeat // 1000)
    with inside("repeat"):
        return Cron(repeat, zone)


def _start(config: ScheduleConfig, zone: tzinfo) -> datetime | None:
    if config.mode == OF_ROWS:
        if not isinstance(config.starts_on, RowDate):
            raise Invalid(_('Name the date of the row at which it starts, as {"field": "..."}.'), field="startsOn")
        return None
    if not isinstance(config.starts_on, str):
        raise Invalid(_("Say when it starts: a date and time like 2024-05-31T08:00:00Z."), field="startsOn")
    return _read(config.starts_on, zone, "startsOn")


def _end(config: ScheduleConfig, zone: tzinfo) -> datetime | None:
    if isinstance(config.ends_on, str):
        return _read(config.ends_on, zone, "endsOn")
    if config.ends_on is not None and config.mode == STATIC:
        raise Invalid(_("Say when it ends: a date and time like 2024-05-31T08:00:00Z."), field="endsOn")
    return None


def _read(text: str, zone: tzinfo, path: str) -> datetime:
    try:
        found = parse_datetime(text.strip()) or parse_date(text.strip())
        if found is not None:
            return to_second(_aware(found, zone))
    except (ValueError, OverflowError):
        pass
    raise Invalid(
        _('"%s" is no date and time; write one like 2024-05-31T08:00:00Z.') % text[:80],
        field=path,
    )


def _aware(value: date, zone: tzinfo) -> datetime:
    """A day begins, and a time without an offset is read, in the zone."""
    if not isinstance(value, datetime):
        return first_instant(datetime(value.year, value.month, value.day), zone)
    return value if value.tzinfo is not None else first_instant(value.replace(microsecond=0), zone)


def _check_date(model: type[Model], wanted: RowDate | str | None, path: str) -> None:
    if not isinstance(wanted, RowDate):
        return
    known = [field.name for field in model._meta.concrete_fields if isinstance(field, models.DateField)]
    if wanted.field not in known:
        raise Invalid(
            _("%(model)s has no date %(name)r; it has %(known)s.")
            % {"model": reference(model), "name": wanted.field, "known": ", ".join(known) or _("none")},
            field=f"{path}.field",
        )


def indexed(model: type[Model], name: str) -> bool:
    """Whether an index of the model's begins with the field: the clock looks for due rows by it."""
    field: Any = model._meta.get_field(name)
    if field.db_index or field.unique:
        return True
    firsts = [index.fields[0].lstrip("-") for index in model._meta.indexes if index.fields and not index.condition]
    firsts += [found.fields[0] for found in model._meta.total_unique_constraints]
    firsts += [names[0] for names in model._meta.unique_together]
    return name in firsts
