"""The text of an SQL node: one statement whose values are places in it, never text (spec 5.25).

What is read here are the borders of quotes and comments, so that places are found and a second statement is refused
when the node is saved. Nothing rests on it alone: values are bound by the database itself, which takes one statement.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.utils.translation import gettext as _

from workflows.errors import Invalid
from workflows.expressions import Template, compile_template
from workflows.expressions.text import to_text
from workflows.jsonable import jsonable

#: What a statement may begin with. What is not here could end the transaction it runs in, or change its rules.
READING = frozenset({"select", "with", "values", "table", "explain", "show", "describe", "desc"})
WRITING = frozenset({"insert", "update", "delete", "merge", "replace"})
_WHITE = re.compile(r"[\s(]*")

_GRAMMAR = r"""
    (?P<comment>--[^\n]*{hash} | /\*.*?(?:\*/|\Z))
  | (?P<quoted>{escaped}'(?:[^'\\]|\\.|'')*'? | '(?:[^']|'')*'? | "(?:[^"]|"")*"? | `[^`]*`?
        | (?P<tag>(?<![\w$])\$(?:[A-Za-z_]\w*)?\$).*?(?:(?P=tag)|\Z))
  | \{{\{{(?P<template>.*?)(?:\}}\}}|(?P<open>\Z))
  | (?<![\w:\]]):(?P<name>[A-Za-z_]\w*)
  | (?P<end>;)
  | (?P<word>[^\W\d]\w*)
  | ::|.
"""


@dataclass(frozen=True, slots=True)
class Named:
    name: str


@dataclass(frozen=True, slots=True)
class Statement:
    """Text and, in between, what is bound: a variable's name, or a template. `keyword` is "" where there is nothing."""

    pieces: tuple[str | Named | Template, ...]
    keyword: str

    def bind(
        self, scope: Mapping[str, Any], variables: Mapping[str, Any], place: Callable[[int], str]
    ) -> tuple[str, list[Any]]:
        """The text with its places, each written as `place(number from 1)` says, and their values.

        A list takes a place for each of its items, and is one null where it has none; an object is its JSON.
        """
        text: list[str] = []
        values: list[Any] = []
        for piece in self.pieces:
            if isinstance(piece, str):
                text.append(piece)
                continue
            value = jsonable(variables[piece.name] if isinstance(piece, Named) else piece.render(scope))
            bound = (value or [None]) if isinstance(value, list) else [value]
            text.append(", ".join(place(len(values) + 1 + index) for index in range(len(bound))))
            values.extend(to_text(item) if isinstance(item, dict | list) else item for item in bound)
        return "".join(text), values


@lru_cache(maxsize=512)
def parse_statement(text: str, names: frozenset[str], vendor: str) -> Statement:
    """Raises `Invalid` (field "sql"): several statements, a template in quotes, a name that no variable has."""
    pieces: list[str | Named | Template] = []
    keyword, start, ended = "", 0, False
    for token in _pattern(vendor).finditer(text):
        # Of an open template the end of the text is the last group.
        kind = "template" if token["open"] is not None else token.lastgroup
        if kind == "comment":
            _check_comment(token[0])
        elif ended and not (kind == "end" or token[0].isspace()):
            raise _wrong(_("There is more than one statement; give each a node of its own."))
        if kind == "quoted" and "{{" in token[0]:
            raise _wrong(_("A template is a value of its own: take it out of the quotes."))
        if not keyword and kind not in ("comment", "end") and _WHITE.fullmatch(token[0]) is None:
            keyword = token[0].lower()
        if kind in ("template", "name", "end"):
            pieces.append(text[start : token.start()])
            start = token.end()
            ended |= kind == "end" and bool(keyword)
            if kind != "end":
                pieces.append(_value(token, names))
    pieces.append(text[start:])
    return Statement(tuple(pieces), keyword)


def _value(token: re.Match[str], names: frozenset[str]) -> Named | Template:
    if token["open"] is not None:
        raise _wrong(_("A template is not closed; write }} behind it."))
    if token["name"] is None:
        return compile_template(token[0])
    if token["name"] not in names:
        raise _wrong(_("There is no variable %r; add it to the variables.") % token["name"])
    return Named(token["name"])


def _check_comment(text: str) -> None:
    # PostgreSQL nests comments and MariaDB runs some, so readers would differ about what the statement is.
    if "{{" in text or "/*" in text[1:] or text.startswith(("/*!", "/*M!")):
        raise _wrong(_("A comment holds no template, no other comment and nothing to run; take it out."))


@lru_cache(maxsize=4)
def _pattern(vendor: str) -> re.Pattern[str]:
    mysql = vendor == "mysql"
    # Backslashes escape in MariaDB's texts, and in PostgreSQL's that begin with E.
    return re.compile(
        _GRAMMAR.format(hash=r"|\#[^\n]*" if mysql else "", escaped="" if mysql else r"(?<!\w)[eE]"), re.X | re.S
    )


def _wrong(message: str) -> Invalid:
    return Invalid(message, field="sql")
