"""A parameter of a list, said once for checking and for describing."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from django.utils.functional import Promise
from django.utils.translation import gettext as _

Schema = Mapping[str, Any]

BOOLEAN: Schema = {"type": "boolean"}
TEXT: Schema = {"type": "string"}


@dataclass(frozen=True)
class Parameter:
    """One parameter; `schema` is its JSON Schema."""

    name: str
    schema: Schema
    description: str | Promise = ""
    place: Literal["query", "header"] = "query"


def no_value() -> str:
    return _("Give a value, or leave it out.")
