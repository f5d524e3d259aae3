"""The basic engine: a tree of comparisons made by clicking, without a text (spec 6.6)."""

from collections.abc import Callable, Mapping
from typing import Any

from django.utils.translation import gettext as _

from workflows.expressions.errors import ExpressionError
from workflows.expressions.limits import DEPTH_LIMIT, Meter
from workflows.expressions.operators import OPERATIONS
from workflows.expressions.paths import Scope
from workflows.expressions.templates import Template, compile_template
from workflows.expressions.values import contains, ends_with, equal, starts_with

Calculator = Callable[[Any, Any], bool]
_Test = Callable[[Scope, Meter], bool]


_calculators: dict[str, Calculator] = {
    "equal": equal,
    "notEqual": OPERATIONS["!="],
    "gt": OPERATIONS[">"],
    "gte": OPERATIONS[">="],
    "lt": OPERATIONS["<"],
    "lte": OPERATIONS["<="],
    "includes": contains,
    "notIncludes": lambda a, b: not contains(a, b),
    "startsWith": starts_with,
    "notStartsWith": lambda a, b: not starts_with(a, b),
    "endsWith": ends_with,
    "notEndsWith": lambda a, b: not ends_with(a, b),
}
_SYMBOLS = {"==": "equal", "!=": "notEqual", ">": "gt", ">=": "gte", "<": "lt", "<=": "lte"}


def register_calculator(name: str, calculator: Calculator) -> None:
    """Adds a comparison of two operands, or replaces one; call it from `AppConfig.ready`."""
    _calculators[name] = calculator


def calculators() -> dict[str, Calculator]:
    """All comparisons by name, the symbols `==`, `>=` ... aside."""
    return dict(_calculators)


class Logic:
    """A compiled logic tree; may be used from many threads at once."""

    __slots__ = ("_template", "_test", "node_keys")

    def __init__(self, test: _Test, template: Template) -> None:
        self._test = test
        self._template = template
        #: Keys of the nodes whose results it asks for.
        self.node_keys = template.node_keys

    def evaluate(self, scope: Scope) -> bool:
        """Whether the tree holds. Raises `ExpressionError` where a budget is used up."""
        try:
            return self._test(scope, Meter())
        except RecursionError:
            raise ExpressionError(_("The values are nested too deeply to be compared.")) from None

    def resolve(self, scope: Scope) -> Any:
        """The tree with its placeholders replaced, as it is kept with the job."""
        return self._template.render(scope)


def compile_logic(tree: Any) -> Logic:
    """Compiles `{calculator, operands: [a, b]}` or `{group: {type: "and" | "or", calculations: [...]}}`.

    A missing tree, and an item without calculator or operands, holds; an empty "and" holds, an empty "or" does not.
    Raises `ExpressionError` for an unknown calculator, naming its path in `field`.
    """
    return Logic(_compile(tree, "calculation", 0), compile_template(tree))


def _compile(tree: Any, path: str, depth: int) -> _Test:
    if depth >= DEPTH_LIMIT:
        raise ExpressionError(_("Groups may be nested %d levels deep; make it flatter.") % DEPTH_LIMIT, field=path)
    if not isinstance(tree, Mapping):
        return _holds
    if isinstance(tree.get("group"), Mapping):
        return _compile_group(tree["group"], f"{path}.group", depth)
    name, operands = tree.get("calculator"), tree.get("operands")
    if not name or not operands:
        return _holds
    return _compile_comparison(str(name), operands, path)


def _holds(scope: Scope, meter: Meter) -> bool:
    return True


def _compile_group(group: Mapping[str, Any], path: str, depth: int) -> _Test:
    members = group.get("calculations")
    if not isinstance(members, list):
        members = []
    tests = [_compile(member, f"{path}.calculations.{index}", depth + 1) for index, member in enumerate(members)]
    kind = group.get("type", "and")
    if kind not in ("and", "or"):
        raise ExpressionError(_('A group\'s type is "and" or "or", not %r.') % kind, field=f"{path}.type")
    if kind == "or":
        return lambda scope, meter: any(test(scope, meter) for test in tests)
    return lambda scope, meter: all(test(scope, meter) for test in tests)


def _compile_comparison(name: str, operands: Any, path: str) -> _Test:
    calculator = _calculators.get(_SYMBOLS.get(name, name))
    if calculator is None:
        known = ", ".join(sorted(_calculators))
        raise ExpressionError(
            _("There is no calculator %(name)r; choose one of %(known)s.") % {"name": name, "known": known},
            field=f"{path}.calculator",
        )
    if not isinstance(operands, list):
        raise ExpressionError(_("The operands are a list of two values."), field=f"{path}.operands")
    left, right = (compile_template(operand).fill for operand in (*operands, None, None)[:2])

    def compare(scope: Scope, meter: Meter) -> bool:
        a, b = left(scope, meter), right(scope, meter)
        meter.weigh(a)
        meter.weigh(b)
        return bool(calculator(a, b))

    return compare
