"""The languages of JSON queries, and what one query may use.

An expression may come out of a template, so out of anybody's data: none of these may hold a worker for long, or fill
its memory. Regular expressions are refused, for no budget stops one.
"""

from collections.abc import Callable, Iterable, Iterator, Sized
from copy import copy
from functools import cache
from importlib import import_module
from threading import local
from types import ModuleType
from typing import Any, Final

import jmespath
from django.utils.translation import gettext as _
from jmespath import functions as jmespath_functions
from jmespath import visitor as jmespath_visitor

from workflows.errors import Invalid

#: A compiled query: of the source, what it finds.
Query = Callable[[Any], Any]

DEFAULT_ENGINE: Final = "jmespath"
#: Characters of an expression.
SOURCE_LIMIT: Final = 10_000
#: Parts of an expression evaluated, once for each element of a list.
STEP_LIMIT: Final = 300_000
#: Characters of one text, and items of one list, that an expression makes.
TEXT_LIMIT: Final = 1_000_000
LIST_LIMIT: Final = 200_000
#: Parts of a JSONata expression inside each other, calls included: it alone has functions of its own.
JSONATA_DEPTH: Final = 100


class QueryError(Invalid):
    """A query can't be read, uses too much, or needs a library that is not installed."""

    code = "query"


class Meter:
    """Counts the work of one query."""

    def __init__(self) -> None:
        self._left = STEP_LIMIT

    def step(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise QueryError(
                _("The query needs more than %d steps; give it less data or split it over nodes.") % STEP_LIMIT
            )

    def made(self, value: Any) -> Any:
        """The value that a step made, unless it is too large."""
        if isinstance(value, str):
            self.text(len(value))
            # What holds long texts a thousand times is as long.
            self._left -= len(value) >> 8
        elif isinstance(value, Sized):
            if len(value) > LIST_LIMIT:
                raise QueryError(_("The query makes a list of more than %d items; make it shorter.") % LIST_LIMIT)
            # Functions look at each item, and may be written a thousand times.
            self._left -= len(value) >> 4
        return value

    def text(self, length: int) -> None:
        if length > TEXT_LIMIT:
            raise QueryError(_("The query makes a text of more than %d characters; make it shorter.") % TEXT_LIMIT)


def engines() -> list[str]:
    """The names that `compile_query` knows."""
    return list(_ENGINES)


def compile_query(engine: str, text: str) -> Query:
    """Raises `QueryError` (field "engine" or "expression") for an expression that can't be read, or no library for it.

    The query raises whatever its library raises.
    """
    if len(text) > SOURCE_LIMIT:
        raise QueryError(_("The expression is longer than %d characters.") % SOURCE_LIMIT, field="expression")
    try:
        return _ENGINES[engine](text)
    except QueryError:
        raise
    except Exception as error:
        # Libraries differ in what they raise, also for text that nobody thought of.
        raise QueryError(str(error) or type(error).__name__, field="expression") from error


def _library(name: str, engine: str) -> ModuleType:
    try:
        return import_module(name)
    except ModuleNotFoundError:
        raise QueryError(
            _("The engine %s is not installed here; install django-sluice[queries], or choose jmespath.") % engine,
            field="engine",
        ) from None


class _Functions(jmespath_functions.Functions):  # type: ignore[misc]
    @jmespath_functions.signature({"types": ["string"]}, {"types": ["array-string"]})  # type: ignore[untyped-decorator]
    def _func_join(self, separator: str, texts: list[str]) -> str:
        # The one function whose text is longer than what it was given.
        Meter().text(sum(map(len, texts)) + len(separator) * len(texts))
        return separator.join(texts)


class _Interpreter(jmespath_visitor.TreeInterpreter):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__(jmespath.Options(custom_functions=_Functions()))
        self._meter = Meter()

    def visit(self, node: Any, *args: Any, **kwargs: Any) -> Any:
        self._meter.step()
        return self._meter.made(super().visit(node, *args, **kwargs))


def _jmespath(text: str) -> Query:
    parsed = jmespath.compile(text).parsed
    return lambda source: _Interpreter().visit(parsed, source)


_running = local()


@cache
def _jsonpath_environment() -> Any:
    """JSONPath as the library has it, with a meter and without regular expressions."""
    library = _library("jsonpath", "jsonpathplus")
    segments: Any = import_module("jsonpath.segments")
    parser_class: Any = import_module("jsonpath.parse").Parser

    class Children(segments.JSONPathChildSegment):  # type: ignore[misc]
        __slots__ = ()

        def resolve(self, nodes: Any) -> Iterator[Any]:
            return _metered(super().resolve(nodes))

    class Descendants(segments.JSONPathRecursiveDescentSegment):  # type: ignore[misc]
        __slots__ = ()

        def resolve(self, nodes: Any) -> Iterator[Any]:
            return _metered(super().resolve(nodes))

        def _visit(self, node: Any, depth: int = 1) -> Iterator[Any]:
            _running.meter.step()
            yield from super()._visit(node, depth)

    metered = {segments.JSONPathChildSegment: Children, segments.JSONPathRecursiveDescentSegment: Descendants}

    class Parser(parser_class):  # type: ignore[misc]
        def parse_query(self, stream: Any) -> Iterator[Any]:
            """Of the query, and of those in its filters."""
            for each in super().parse_query(stream):
                yield metered[type(each)](env=each.env, token=each.token, selectors=each.selectors)

        def parse_regex(self, stream: Any) -> Any:
            raise _no_regex()

    class Environment(library.JSONPathEnvironment):  # type: ignore[misc, name-defined]
        parser_class = Parser

        def setup_function_extensions(self) -> None:
            super().setup_function_extensions()
            for name in ("match", "search"):
                del self.function_extensions[name]

        def is_truthy(self, value: Any) -> bool:
            """Asked for each item that a filter looks at."""
            _running.meter.step()
            return bool(super().is_truthy(value))

    return Environment()


def _metered(found: Iterable[Any]) -> Iterator[Any]:
    for each in found:
        _running.meter.step()
        yield each


def _jsonpath(text: str) -> Query:
    """One value for a path that leads to one; a list for others, null when it is empty (no array wrapping)."""
    path = _jsonpath_environment().compile(text.strip())
    single = getattr(path, "singular_query", bool)()

    def search(source: Any) -> Any:
        if not isinstance(source, dict | list):
            return None
        _running.meter = Meter()
        found = [match.obj for match in path.finditer(source)]
        return (found[0] if single else found) if found else None

    return search


def _no_regex(*_pattern: Any) -> QueryError:
    return QueryError(_("Queries have no regular expressions; compare texts, or ask whether they contain one."))


class _Bounds:
    """What one JSONata expression may use; the library calls it around each part that it evaluates."""

    def __init__(self, expression: Any) -> None:
        self._meter = Meter()
        self._depth = 0
        environment = expression.environment
        environment.set_evaluate_entry_callback(self._enter)
        environment.set_evaluate_exit_callback(self._leave)
        for name, length in _LENGTHS.items():
            environment.bind(name, self._bounded(environment.lookup(name), length))

    def _enter(self, part: Any, source: Any, environment: Any) -> None:
        self._meter.step()
        self._depth += 1
        if self._depth > JSONATA_DEPTH:
            raise QueryError(_("The query's calls are nested too deep; %d levels is the most.") % JSONATA_DEPTH)

    def _leave(self, part: Any, source: Any, environment: Any, result: Any) -> None:
        self._depth -= 1
        self._meter.made(result)

    def _bounded(self, function: Any, length: Callable[..., int]) -> Any:
        """The library's function, which first asks how long a text it is about to make."""
        mine, method = copy(function), function.method

        def call(*arguments: Any) -> Any:
            self._meter.text(length(*arguments))
            return method(*arguments)

        mine.method = call
        return mine


def _joined(texts: Any, separator: Any = None) -> int:
    parts = texts if isinstance(texts, list) else [texts]
    return sum(len(each) for each in parts if isinstance(each, str)) + len(parts) * len(separator or "")


def _replaced(text: Any, pattern: Any, replacement: Any, *_limit: Any) -> int:
    if not isinstance(text, str) or not isinstance(pattern, str) or not isinstance(replacement, str):
        return 0
    return len(text) + text.count(pattern) * len(replacement)


def _padded(text: Any, width: Any, *_char: Any) -> int:
    return abs(int(width or 0))


#: Functions that make longer texts than they are given.
_LENGTHS: Final[dict[str, Callable[..., int]]] = {"join": _joined, "replace": _replaced, "pad": _padded}


def _jsonata(text: str) -> Query:
    library: Any = _library("jsonata", "jsonata")

    def refuse(*pattern: Any) -> Any:
        raise _no_regex()

    def read() -> Any:
        # An object keeps what it evaluates, so each evaluation has its own.
        return library.Jsonata(text, refuse)

    def search(source: Any) -> Any:
        expression = read()
        _Bounds(expression)
        found = expression.evaluate(source)
        if type(found).__module__.startswith("jsonata.") and not isinstance(found, list | dict):
            raise QueryError(_("The query comes to a function; call it."))
        return found

    if errors := read().errors:
        raise QueryError(str(errors[0]))
    return search


_ENGINES: Final[dict[str, Callable[[str], Query]]] = {
    "jmespath": _jmespath,
    "jsonpathplus": _jsonpath,
    "jsonata": _jsonata,
}
