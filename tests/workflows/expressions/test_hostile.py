"""Expressions and templates written to break out, to blow up or to never end: each gives an error or a harmless value."""

import json
import time

import pytest

from workflows.expressions import ExpressionError, compile_expression, compile_logic, compile_template
from workflows.expressions.limits import LIST_LIMIT, STEP_LIMIT, TEXT_LIMIT, Meter
from workflows.jsonable import jsonable

LONG = "a" * 300_000
SCOPE = {
    "$context": {
        "data": {
            "text": LONG,
            "list": list(range(50_000)),
            "texts": ["x" * 50] * 20_000,
            "deep": json.loads("[" * 400 + "1" + "]" * 400),
            "wide": {f"k{n}": {"v": n} for n in range(20_000)},
            "big": 10**400,
            "nan": float("nan"),
            "inf": float("inf"),
            "html": "<script>alert(1)</script>",
            "nul": "a\x00b",
            "half": "\ud800",
            "code": "__import__('os').system('id')",
            "braces": "{{$env.SECRET}}",
            "object": object(),
            "type": type,
        }
    },
    "$env": {"SECRET": "s3cret"},
    "$system": {"now": lambda: 5},
}
TEXT, LIST, DEEP, WIDE = ("{{$context.data.%s}}" % name for name in ("text", "list", "deep", "wide"))

WALKS = [
    "__import__('os').system('id')",
    "().__class__.__bases__[0].__subclasses__()",
    "''.__class__.__mro__",
    "'a'.format",
    "'{0.__class__}'.format(1)",
    "'%s' % 1",
    "f'{1}'",
    "[].__class__",
    "[1].append(2)",
    "{}.__class__",
    "{{$context}}.__class__.__init__.__globals__",
    "{{$context}}['__class__']",
    "{{$context.data.object}}.__class__",
    "{{$context.data.object}}['__dict__']",
    "{{$context.data.type}}.mro",
    "{{$context.data.type}}('a', [], 1)",
    "{{$context.__class__}}",
    "{{$context.data.__class__.__mro__.1.__subclasses__}}",
    "{{$context.data.text.__class__}}",
    "{{$context.data.object.__init__.__globals__}}",
    "{{$context.data.type.__subclasses__}}",
    "{{__builtins__}}",
    "{{__import__}}",
    "{{self}}",
    "{{config.SECRET_KEY}}",
    "{{settings.SECRET_KEY}}",
    "{{request.user}}",
    "{{$system.__class__}}",
    "{{$system.now.__globals__}}",
    "{{$system.now.__call__}}",
    "get({{$context}}, '__class__.__init__')",
    "get({{$context.data.object}}, '__dict__')",
    "pluck([{{$context.data.object}}], '__class__')",
    "keys({{$context.data.object}})",
    "values({{$context.data.type}})",
    "sortBy([{{$context.data.object}}, {{$context.data.type}}], '__class__')",
    "findBy([{{$context.data.object}}], '__class__', 1)",
    "eval('1')",
    "exec('1')",
    "compile('1', '', 'eval')",
    "open('/etc/passwd')",
    "globals()",
    "locals()",
    "vars()",
    "dir()",
    "getattr({{$context}}, 'x')",
    "setattr({{$context}}, 'x', 1)",
    "type(1)",
    "object()",
    "lambda: 1",
    "[x for x in range(9)]",
    "(x for x in y)",
    "import os",
    "print(1)",
    "input()",
    "breakpoint()",
    "exit()",
    "quit()",
    "help()",
    "memoryview('a')",
    "super()",
    "constructor",
    "''.constructor.constructor('return process')()",
    "[].constructor.prototype",
    "this",
    "this.constructor",
    "process.env",
    "require('fs')",
    "globalThis",
    "window.location",
    "new Function('return 1')()",
    "Function('return 1')()",
    "(function(){return 1})()",
    "(() => 1)()",
    "async () => await 1",
    "x = 1",
    "x := 1",
    "f(x) = x + 1",
    "while (true) {}",
    "for (;;) {}",
    "delete {{$context}}",
    "typeof 1",
    "void 0",
    "1; 2",
    "1\n2",
    "`${1}`",
    "${1}",
    "#{1}",
    "<%= 1 %>",
    "{% debug %}",
    "{{ ''|attr('__class__') }}",
    "{{ 7*7 }}",
    "{{7*'7'}}",
    "{{$env}}",
    "'{{$env.SECRET}}'",
    '"{{$env.SECRET}}"',
    "concat('{{', '$env.SECRET', '}}')",
    "{{$context.data.braces}}",
    "{{$context.data.code}}",
    "evaluate('1 + 1')",
    "parse('1 + 1')",
    "simplify('x')",
    "derivative('x', 'x')",
    "createUnit('x')",
    "import({a: 1})",
    "chain(1)",
    "unit('5 cm')",
    "typed({})",
    "HYPERLINK('http://a')",
    "WEBSERVICE('http://a')",
    "INDIRECT('A1')",
    "CALL('kernel32')",
    "=cmd|' /C calc'!A0",
    "@SUM(1)",
    "Math.constructor('x')",
    "Math.__class__",
    "math.os.system('x')",
    "DATE.constructor",
]
GIANTS = [
    "9 ^ 9 ^ 9 ^ 9",
    "9 ** 9 ** 9 ** 9",
    "10 ^ 1000000000",
    "pow(10, 1000000000)",
    "POWER(POWER(9, 300), 300)",
    "(2 ^ 1023) * (2 ^ 1023) * (2 ^ 1023)",
    "{{$context.data.big}} ^ {{$context.data.big}}",
    "{{$context.data.big}} * {{$context.data.big}}",
    "{{$context.data.big}} & {{$context.data.big}}",
    "{{$context.data.big}} / 3",
    "sqrt({{$context.data.big}})",
    "round({{$context.data.big}}, 2)",
    "round(1.5, 1000000)",
    "round(1.5, -1000000)",
    "1e308 * 1e308",
    "1e999",
    "-1e308 - 1e308",
    "0x" + "f" * 10_000,
    "9" * 10_000,
    "9" * 19_000 + ".5",
    "1e" + "9" * 10_000,
    "0." + "0" * 10_000 + "1",
    "factorial(1000000)",
    "170! * 170! * 170!",
    "5" + "!" * 1000,
    "combinations(1000000000, 500000000)",
    "combinations(1000000000, 1000)",
    "permutations(1000000000000, 1000)",
    "lcm(" + ",".join(str(n) for n in range(1, 3000)) + ")",
    "gcd(1e15, 1e15 - 1)",
    "1 << 1000000000",
    "1 << 1024 << 1024",
    "1 >> 1000000000",
    "~{{$context.data.inf}}",
    "{{$context.data.nan}} | 1",
    "number('" + "9" * 10_000 + "')",
    "number('1e" + "9" * 5_000 + "')",
    "product({{$context.data.list}})",
    "exp(1e9)",
    "tan(1.5707963267948966) ^ 100",
    "nthRoot(-5, 0)",
    "log(0)",
    "atan2({{$context.data.nan}}, {{$context.data.inf}})",
    "CEILING(1e308, 1e-308)",
    "MROUND({{$context.data.inf}}, 3)",
    "format(1e308, 100)",
    "toFixed(1e308, 100)",
    "TEXT(1e308, '#,##0." + "0" * 190 + "')",
    "TEXT(1, '" + "#" * 5_000 + "')",
    "addYears('2024-01-01', 1e9)",
    "addDays('2024-01-01', 1e300)",
    "addMonths('9999-12-31', 1)",
    "DATE(1e9, 1, 1)",
    "DATE(1, -1e9, 1)",
    "datetime(99999, 99, 99)",
    "fromTimestamp(1e300)",
    "WORKDAY('2024-01-01', 1e12)",
    "NETWORKDAYS('0001-01-01', '9999-12-31')",
    "startOf('0001-01-01', 'week')",
    "endOf('9999-12-31', 'year')",
    "year('99999-01-01')",
    "CHAR(1e9)",
    "CHAR(55296)",
]
REPEATS = [
    "repeat('a', 1000000000)",
    "repeat(repeat('a', 1000000), 1000000)",
    "REPT('ab', 1e15)",
    "padStart('a', 1000000000, 'x')",
    "padEnd('', 1e9)",
    "range(0, 1000000000)",
    "range(0, 1, 1e-300)",
    "range(1, -1e9, -1)",
    "SEQUENCE(1000000000)",
    "split(repeat('a,', 400000), ',')",
    "split(repeat('a', 900000), '')",
    "replace(repeat('a', 100000), 'a', repeat('b', 100000))",
    "SUBSTITUTE(repeat('a', 100000), 'a', repeat('b', 100000))",
    "join(range(0, 100000), repeat('x', 100000))",
    "TEXTJOIN(repeat('x', 100000), true, range(0, 100000))",
    "concat(" + ", ".join(["repeat('a', 900000)"] * 100) + ")",
    "+".join(["length(repeat('a', 900000))"] * 600),
    "+".join(["sum(range(0, 99000))"] * 600),
    "+".join([f"sum({LIST})"] * 600),
    "+".join([f"length(upper({TEXT}))"] * 500),
    " or ".join([f"{LIST} == [1]"] * 500),
    " or ".join([f"{TEXT} == {TEXT} and false"] * 300),
    "[" + ",".join([f"sort({LIST})"] * 500) + "]",
    "[" + ",".join([f"toJson({WIDE})"] * 500) + "]",
    f"concat({', '.join([TEXT] * 500)})",
    f"sum({DEEP})",
    f"flatten({DEEP})",
    f"{DEEP} == {DEEP}",
    f"toJson({DEEP})",
    f"unique([{DEEP}, {DEEP}])",
    f"sort([{DEEP}, {WIDE}])",
    f"COUNTIF({{{{$context.data.texts}}}}, '{'*x' * 200}')",
    f"like({TEXT}, '{'*a' * 3000}b')",
    f"like({TEXT}, '{'?' * 5000}b')",
    f"like({TEXT}, '*{'?a' * 2000}b*')",
    f"like({TEXT}, '{'*?' * 3000}')",
    f"includes({TEXT}, repeat('a', 200000))",
    f"indexOf({TEXT}, concat(repeat('a', 100000), 'b'))",
    "parseJson(repeat('[', 200000))",
    "parseJson(concat('[', repeat('1,', 300000), '1]'))",
    "parseJson('1e999')",
    "parseJson(repeat('9', 10000))",
    f"transpose([{LIST}, {LIST}])",
    f"SUMPRODUCT({', '.join([LIST] * 50)})",
    f"COUNTIFS({', '.join([LIST + ', 1'] * 50)})",
    f"VLOOKUP(1, {LIST}, 1)",
    f"intersection({LIST}, {LIST})",
    f"isIn(-1, {', '.join([LIST] * 100)})",
    f"IFERROR(sum({', '.join([LIST] * 100)}), {LIST})",
    f"format({TEXT}, {TEXT})",
    f"formatDate('2024-01-01', {TEXT})",
    f"TEXT('2024-01-01', {TEXT})",
    f"date({TEXT})",
    f"number({TEXT})",
    f"encodeURL({TEXT})",
    f"{TEXT} + 1",
    f"{TEXT} > 5",
]
NESTING = [
    "(" * 5_000 + "1" + ")" * 5_000,
    "[" * 5_000 + "1" + "]" * 5_000,
    "-" * 10_000 + "1",
    "!" * 10_000 + "1",
    "not " * 4_000 + "1",
    "abs(" * 3_000 + "1" + ")" * 3_000,
    "IF(1," * 3_000 + "1" + ")" * 3_000,
    "1 ? " * 3_000 + "1" + " : 1" * 3_000,
    "1 ? 1 : " * 2_400 + "1",
    "2 ^ " * 4_000 + "1",
    "2 ^ -" * 3_000 + "1",
    "[1]" + "[1]" * 5_000,
    "{{$context}}" + ".a" * 5_000,
    "{{" + "a." * 9_000 + "a}}",
    "{{" * 5_000,
    "}}" * 5_000,
    "{{a" * 5_000,
    "(" * 19_000,
    ")" * 19_000,
    "(1 or (1 and (1 == (1 + (1 * (" * 300,
    "'" * 9_999,
    "\\" * 10_000,
    "'" + "\\" * 9_999,
    "'" + "\\u0041" * 3_000 + "'",
    "1" + " " * 19_000,
    " " * 19_999,
    "\x00",
    "1\x00+1",
    "1 " * 9_000,
    "a" * 20_000,
    "a" * 1_000_000,
    "a." * 9_000,
    "," * 10_000,
    "max(" + "1," * 9_000 + "1)",
    "1 < " * 4_000 + "1",
    "1 ?? " * 3_000 + "1",
    "''" * 5_000,
    "/*" * 5_000,
    "// comment",
    "1 // 2",
]
LOOK_ALIKES = [
    "１ + １",
    "ｅｖａｌ('1')",
    "__ｉｍｐｏｒｔ__('os')",
    "ℯxec('1')",
    "mах(1, 2)",
    "ſum(1)",
    "1 ＋ 1",
    "1 − 1",
    "‘a’",
    "“a”",
    "＇a＇",
    "1\u200b+1",
    "\u202e1 + 1",
    "a\u0301bs(1)",
    "{{$context.data.ｔｅｘｔ}}",
    "{{＄context}}",
    "｛｛$context｝｝",
    "٣ + ٤",
    "Ⅷ",
    "½",
    "x²",
    "\ufeff1",
    "1\u2028+ 1",
    "'\\ud800'",
    "concat('\\ud83c', '\\udf89')",
    "upper('ß')",
    "lower('İ')",
    "number('٣')",
    "number('1_000')",
    "1_000",
    "🎉",
    "{{$context.data.half}} == {{$context.data.nul}}",
    "encodeURL({{$context.data.half}})",
    "toJson({{$context.data.half}})",
]
CORPUS = [*WALKS, *GIANTS, *REPEATS, *NESTING, *LOOK_ALIKES]
SECONDS = 1.0


def shorten(text):
    return text if len(text) <= 60 else f"{text[:50]}...{len(text)}"


def check(result):
    """What came out is of bounded size and holds nothing of Python."""
    plain = jsonable(result)
    text = json.dumps(plain, allow_nan=False)
    assert "<function" not in text
    assert "<built-in" not in text
    assert "object at 0x" not in text or "object at 0x" in str(SCOPE["$context"]["data"]["object"])
    assert "subclass" not in text


@pytest.mark.parametrize("engine", ["math.js", "formula.js"])
@pytest.mark.parametrize("text", CORPUS, ids=shorten)
def test_expression_ends_soon_with_an_error_or_a_harmless_value(engine, text):
    begin = time.perf_counter()
    meter = Meter()
    try:
        expression = compile_expression(engine, text)
        expression._evaluate(SCOPE, meter)
        result = expression.evaluate(SCOPE)
    except ExpressionError as error:
        result = None
        assert str(error)
        assert len(str(error)) < 500
    except RecursionError:
        pytest.fail("not even the recursion limit is reached by evaluation")
    assert time.perf_counter() - begin < SECONDS
    # One step over the limit may weigh as much as the largest thing a single step makes.
    assert meter.left > -(TEXT_LIMIT + LIST_LIMIT * 20)
    assert meter.left <= STEP_LIMIT
    if isinstance(result, str | list):
        assert len(result) <= max(TEXT_LIMIT, LIST_LIMIT)
    if "$env" not in text:
        assert "s3cret" not in str(result)[:10_000]


TEMPLATES = [
    *(text for text in WALKS if "{{" in text),
    TEXT * 100,
    f"{LIST} " * 100,
    f"{WIDE} " * 100,
    f"{DEEP} x",
    "{{" * 10_000 + "}}" * 10_000,
    "{{" + "a" * 100_000 + "}}",
    "{{" + " " * 100_000 + "}}",
    "{{a" + " " * 100_000,
    "{{" + "a." * 50_000 + "}}",
    "{{" + "a:" * 50_000 + "}}",
    "{" * 100_000,
    "{{a}}" * 20_000,
    "{{$context.data.list.a.b.c.d.e.f}}",
    "{{$context.data.deep.a}}",
    "{{$context.data.deep.0.0.0}}",
    "{{$context.data.list.999999999999999999}}",
    "{{$context.data.list.-1}}",
    "{{$context.data.list.1e5}}",
    "{{$context.data.list.__len__}}",
    "{{$context.data.braces}} {{$context.data.braces}}",
    "{{$context.data.object}} x",
    "{{$context.data.type}} x",
    "{{$context.data.half}}{{$context.data.nul}}",
    "{{..}}",
    "{{.}}",
    "{{a..b}}",
    "{{:}}",
    "{{::::}}",
    "{{()}}",
    "{{?}}",
    "{{$}}",
    "{{=1+1}}",
    "{{\u202e$env.SECRET}}",
]


@pytest.mark.parametrize("text", TEMPLATES, ids=shorten)
def test_template_ends_soon(text):
    begin = time.perf_counter()
    try:
        result = compile_template({"a": [text], text: 1}).render(SCOPE)
    except ExpressionError as error:
        result = None
        assert "characters" in str(error)
    assert time.perf_counter() - begin < 2 * SECONDS
    if "$env" not in text:
        assert "s3cret" not in str(result)[:10_000]


def test_what_a_placeholder_brings_is_not_read_again():
    assert compile_template("{{$context.data.braces}}!").render(SCOPE) == "{{$env.SECRET}}!"


def test_the_corpus_is_large_enough():
    assert len(set(CORPUS)) + len(set(TEMPLATES)) >= 300


@pytest.mark.parametrize("calculator", ["equal", "gt", "includes", "startsWith"])
@pytest.mark.parametrize("name", ["text", "list", "deep", "wide", "big", "nan", "object", "type", "nul", "half"])
def test_logic_ends_soon(calculator, name):
    tree = {"calculator": calculator, "operands": [f"{{{{$context.data.{name}}}}}"] * 2}
    begin = time.perf_counter()
    assert compile_logic(tree).evaluate(SCOPE) in (True, False)
    assert time.perf_counter() - begin < SECONDS
