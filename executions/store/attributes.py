"""What runs are found by: their tags, and the search attributes that their workflows declare."""

import logging
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils.translation import gettext as _

from executions.models import Attribute, Execution
from executions.store import sql
from workflows.errors import SluiceError
from workflows.expressions import render
from workflows.jsonable import jsonable

logger = logging.getLogger("sluice.attributes")

#: (name, text, number); a tag has no name.
Found = tuple[str, str, float | None]

#: A longer text is found by its beginning.
LONGEST_TEXT = 128
#: The name under which tags stand.
TAG = ""
#: The name under which rows stand that runs are about (`workflows.subjects`); no workflow can declare it.
ROW = "@row"

_COLUMNS = ("execution_id", "key", "name", "text", "number")
_NUMBER = re.compile(r"-?\d{1,30}(\.\d{1,30})?", re.ASCII)


def evaluate(templates: Mapping[str, str], context: Any, key: str) -> list[Found]:
    """The attributes of a run with this context. One that fails, or has neither text nor number, is left out and noted
    in the log: it never refuses the run."""
    found = []
    for name, template in templates.items():
        try:
            value = jsonable(render(template, {"$context": context}))
            if isinstance(value, dict | list):
                raise SluiceError(_("It is neither a text nor a number."))
        except Exception as error:
            # Whatever it is: somebody's save must not fail for what a list shows.
            logger.warning("Search attribute %s of workflow %s is left out of a run: %s", name, key, error)
            continue
        if value is not None and value != "":
            found.append((name, *as_stored(value)))
    return found


def as_stored(value: Any) -> tuple[str, float | None]:
    """The text and the number that a text, a number or a flag is found by."""
    if isinstance(value, bool):
        return "true" if value else "false", None
    if isinstance(value, int | float):
        return number_text(value), _as_float(value)
    text = str(value)[:LONGEST_TEXT]
    return text, as_number(text)


def number_text(value: float) -> str:
    """One text for 5 and 5.0."""
    whole = isinstance(value, float) and value.is_integer() and abs(value) < 1e15
    return str(int(value) if whole else value)[:LONGEST_TEXT]


def as_number(text: str) -> float | None:
    return float(text) if _NUMBER.fullmatch(text) else None


def _as_float(value: float) -> float | None:
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def of(execution: Execution) -> Iterator[Found]:
    """All that a run not yet written is to be found by, each once."""
    yield from dict.fromkeys((TAG, tag[:LONGEST_TEXT], None) for tag in execution.tags or [] if isinstance(tag, str))
    yield from execution.found_by


def insert(db: BaseDatabaseWrapper, executions: Sequence[Execution]) -> None:
    """Writes the attributes of runs whose rows were just inserted, in the same transaction."""
    _write(db, [(run.pk, run.key, *found) for run in executions for found in of(run)])


def copy(db: BaseDatabaseWrapper, source: Execution, execution: Execution) -> None:
    """A rerun is found by what its source is found by."""
    rows = Attribute.objects.using(db.alias).filter(execution=source.pk).values_list("key", "name", "text", "number")
    _write(db, [(execution.pk, *row) for row in rows])


def _write(db: BaseDatabaseWrapper, rows: Sequence[tuple[Any, ...]]) -> None:
    if rows:
        writes = sql.Writes(db)
        writes.insert(Attribute, _COLUMNS, rows)
        writes.send()
