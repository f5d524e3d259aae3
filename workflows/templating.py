"""The templates of a configuration: where they stand, what they ask for, and whether they are written well."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from django.utils.translation import gettext as _

from workflows.expressions.errors import ExpressionError
from workflows.expressions.lexer import tokenize
from workflows.expressions.paths import PLACEHOLDER, split_placeholder
from workflows.expressions.placeholders import ROOTS, broken, misnamed, placeholders, segments_of

Path = tuple[str, ...]
#: The engine whose expressions are templates themselves.
_STRING = "string"
#: Those in whose quotes a placeholder is text (spec 6.5).
_QUOTING = ("math.js", "formula.js")


@dataclass(frozen=True, slots=True)
class Reference:
    """A placeholder: its dotted place in the configuration, its path without `ctx`, and whether null has a default."""

    place: str
    segments: tuple[str, ...]
    has_default: bool


@dataclass(frozen=True, slots=True)
class _Text:
    place: Path
    text: str
    #: Of an expression: the name of its language; None of a template.
    engine: str | None = None

    def placeholders(self) -> Iterator[tuple[str, str | None]]:
        if self.engine is None:
            yield from placeholders(self.text)
            return
        try:
            tokens = tokenize(self.text)
        except ExpressionError:
            return  # told by the kind's own check
        for token in tokens:
            if token.kind == "placeholder":
                yield split_placeholder(token.value)


def check_templates(
    raw: Any,
    stored: Any = None,
    *,
    verbatim: Collection[str] = (),
    expressions: Collection[str] = (),
    roots: Collection[str] = ROOTS,
) -> None:
    """Raises `ExpressionError`, a sentence a place, for templates that can't be meant as they are written.

    `verbatim` and `expressions` are places as an instruction names them. A text that stands anywhere in `stored`
    may stay.
    """
    kept = {found.text for found in _texts(stored, verbatim, expressions)} if stored else set()
    errors: dict[str, Any] = {}
    for found in _texts(raw, verbatim, expressions):
        sentence = None if found.text in kept else _wrong(found, roots)
        if sentence is not None:
            errors.setdefault(".".join(found.place), sentence)
    if errors:
        place = next(iter(errors))
        error = ExpressionError(errors[place], field=place)
        error.errors = errors
        raise error


def _wrong(found: _Text, roots: Collection[str]) -> str | None:
    sentence = broken(found.text) if found.engine is None else None
    if sentence is None and found.engine in _QUOTING and _is_quoted(found.text):
        return _("A placeholder in quotes is not filled in but shows as $$0; write it without them.")
    if sentence is None:
        said = (misnamed(path, roots) for path, _default in found.placeholders())
        sentence = next((each for each in said if each is not None), None)
    return sentence


def _is_quoted(text: str) -> bool:
    """Whether a placeholder stands in the quotes of an expression."""
    try:
        tokens = tokenize(text)
    except ExpressionError:
        return False  # told by the kind's own check
    texts = (text[token.position : after.position] for token, after in pairwise(tokens) if token.kind == "text")
    return any(PLACEHOLDER.search(quoted) for quoted in texts)


def references(raw: Any, *, verbatim: Collection[str] = (), expressions: Collection[str] = ()) -> Iterator[Reference]:
    """What the templates and expressions of a configuration ask for, in the order in which they stand."""
    for found in _texts(raw, verbatim, expressions):
        for path, default in found.placeholders():
            yield Reference(".".join(found.place), tuple(segments_of(path)), bool(default))


def _texts(raw: Any, verbatim: Collection[str], expressions: Collection[str]) -> Iterator[_Text]:
    """The texts that may hold placeholders, keys of objects included; without recursion, for nobody bounded `raw`."""
    own, languages = [each.split(".") for each in verbatim], [each.split(".") for each in expressions]
    stack: list[tuple[Path, Any, Any]] = [((), raw, None)]
    while stack:
        place, value, around = stack.pop()
        if any(_leads(pattern, place) for pattern in own):
            continue
        if isinstance(value, Mapping):
            for key in value:
                if isinstance(key, str) and ("{{" in key or "}}" in key):
                    yield _Text((*place, key), key)
            stack.extend(((*place, str(key)), item, value) for key, item in reversed([*value.items()]))
        elif isinstance(value, list | tuple):
            stack.extend(((*place, str(index)), value[index], value) for index in reversed(range(len(value))))
        elif isinstance(value, str) and ("{{" in value or "}}" in value):
            if not any(len(pattern) == len(place) and _leads(pattern, place) for pattern in languages):
                yield _Text(place, value)
            elif (engine := _engine(around)) is not None:
                yield _Text(place, value, None if engine == _STRING else engine)


def _leads(pattern: list[str], place: Path) -> bool:
    """Whether the place is the pattern's, or lies below it."""
    return len(pattern) <= len(place) and all(part in ("*", step) for part, step in zip(pattern, place, strict=False))


def _engine(around: Any) -> str | None:
    """The engine of an expression, or None where a tree beside it is what counts."""
    engine = around.get("engine") or ("basic" if around.get("calculation") else "math.js")
    return None if engine == "basic" else str(engine)
