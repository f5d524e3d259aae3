"""The engine `cel`: Google's Common Expression Language, by an optional package (extra `cel`).

A placeholder becomes a variable; the scope stands in `ctx` too, its roots without their `$`: `ctx.context.data.amount`.
"""

import re
from typing import Any

from django.utils.translation import gettext as _

from workflows.expressions.errors import ExpressionError, syntax_error
from workflows.expressions.limits import CEL_MARK_LIMIT, CEL_SOURCE_LIMIT, Meter
from workflows.expressions.paths import PLACEHOLDER, Getter, Scope, compile_path, split_placeholder
from workflows.expressions.placeholders import misfit

NAME = "cel"
#: Texts, comments and placeholders; what stands between them is read by the package alone.
_PIECE = re.compile(
    r"""
    (?P<text>
        [bB]?[rR][bB]?(?:\"\"\".*?\"\"\"|'''.*?'''|"[^"\n]*"|'[^'\n]*')
      | \"\"\"(?:[^\\]|\\.)*?\"\"\" | '''(?:[^\\]|\\.)*?'''
      | "(?:[^"\\\n]|\\.)*" | '(?:[^'\\\n]|\\.)*'
    )
  | (?P<comment>//[^\n]*)
  | (?P<braces>\{\{)
  | (?P<word>[A-Za-z_]\w*)
    """,
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_MARK = re.compile(r"[^\w\s]")
_CTX = "ctx"
_ROOTS = ("context", "scopes", "system")
_JOBS = re.compile(r"\bctx\.jobsMapByNodeKey\.([A-Za-z_]\w*)", re.ASCII)


def compile_cel(text: str) -> Getter:
    """Raises `ExpressionError` with the position, or with the remedy where the package is not installed."""
    try:
        from workflows.expressions import celbridge
    except ImportError:
        raise ExpressionError(
            _('The engine "cel" needs a package: install django-sluice[cel].'), field="engine"
        ) from None
    if len(text) > CEL_SOURCE_LIMIT:
        raise syntax_error(
            _("An expression in CEL may have %d characters; split it over nodes.") % CEL_SOURCE_LIMIT, CEL_SOURCE_LIMIT
        )
    source, variables, whole_scope = _variables(text)
    program = celbridge.Program(source)
    jobs = _JOBS.findall(text)

    def evaluate(scope: Scope, meter: Meter) -> Any:
        values = {name: getter(scope, meter) for name, getter in variables.items()}
        if whole_scope:
            values[_CTX] = _whole(scope, jobs)
        return program.evaluate(values, meter)

    return evaluate


def _whole(scope: Scope, jobs: list[str]) -> dict[str, Any]:
    """What `ctx` holds. A run's scope makes its parts when they are asked for by name, so each is; secrets are asked
    for by placeholders alone, which are known before anything runs."""
    found: dict[str, Any] = {root: scope.get(f"${root}") for root in _ROOTS}
    results = scope.get("$jobsMapByNodeKey")
    found["jobsMapByNodeKey"] = {} if results is None else {key: results[key] for key in jobs if key in results}
    return found


def _variables(text: str) -> tuple[str, dict[str, Getter], bool]:
    """The text with placeholders as names of the same length, so that positions stay; their getters; whether the text
    names `ctx`.
    """
    pieces: list[str] = []
    names: dict[str, str] = {}
    getters: dict[str, Getter] = {}
    whole_scope = False
    position = marks = 0
    while (found := _PIECE.search(text, position)) is not None:
        pieces.append(text[position : found.start()])
        marks += len(_MARK.findall(pieces[-1]))
        position = found.end()
        if found.lastgroup == "braces":
            hole = PLACEHOLDER.match(text, found.start())
            if hole is None:
                raise syntax_error(misfit(text, found.start()), found.start())
            position = hole.end()
            name = names.setdefault(hole[1].strip(), f"_{len(names)}").ljust(len(hole[0]), "_")
            getters[name] = compile_path(*split_placeholder(hole[1]))
            pieces.append(name)
            continue
        if found.lastgroup == "text" and (quoted := PLACEHOLDER.search(found[0])) is not None:
            raise syntax_error(
                _("A placeholder in quotes is not filled in; write it without them."), found.start() + quoted.start()
            )
        whole_scope = whole_scope or found[0] == _CTX
        pieces.append(found[0])
    pieces.append(text[position:])
    if marks + len(_MARK.findall(pieces[-1])) > CEL_MARK_LIMIT:
        raise syntax_error(
            _("An expression in CEL may have %d brackets, operators, dots and commas; split it over nodes.")
            % CEL_MARK_LIMIT,
            CEL_MARK_LIMIT,
        )
    return "".join(pieces), getters, whole_scope
