"""What a form for a run by hand asks for."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from django.db.models import Model
from django.utils.functional import Promise

if TYPE_CHECKING:
    from workflows.shapes import Kind


@dataclass(frozen=True)
class ManualField:
    """One value. `row` is the key of a row of `model`, `rows` a list of such keys; the others are `shapes.Kind`."""

    name: str
    kind: "Kind | Literal['row', 'rows']" = "any"
    title: str | Promise = ""
    required: bool = False
    model: type[Model] | None = None
