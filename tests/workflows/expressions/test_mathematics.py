"""What math.js alone has: products left unsaid, ranges, percent, matrices, quantities. The values are math.js 15's."""

import pytest

from workflows.expressions import ExpressionError, compile_expression
from workflows.jsonable import jsonable

SCOPE = {"$context": {"prices": [1.5, 3], "counts": [4, 2], "n": 3, "text": "abc", "object": {"a": [1, 2]}}}


def value(text):
    return jsonable(compile_expression("math.js", text).evaluate(SCOPE))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2 pi", 6.283185307),
        ("2pi", 6.283185307),
        ("2(3 + 4)", 14),
        ("(1 + 2)(3 + 4)", 21),
        ("2 sqrt(4)", 4),
        ("-2 pi", -6.283185307),
        ("2 pi ^ 2", 19.739208802),
        ("1 / 2 pi", 1.570796327),
        ("12 / (2 pi)", 1.909859317),
        ("2 {{$context.n}}", 6),
        ("1 + 2 {{$context.n}} * 2", 13),
        ("20%", 0.2),
        ("5 + 20%", 6),
        ("100 - 10%", 90),
        ("50% * 4", 2),
        ("8 % 3", 2),
        ("8 % -3", -1),
        ("10 % (3)", 1),
        ("{{$context.n}}%", 0.03),
        ("(1 + 2)%", 0.03),
        ("1:3", [1, 2, 3]),
        ("1:2:7", [1, 3, 5, 7]),
        ("3:-1:1", [3, 2, 1]),
        ("0:0.1:0.3", [0, 0.1, 0.2, 0.3]),
        ("1 + 1:2 * 2", [2, 3, 4]),
        ("sum(1:4)", 10),
        ("true ? 1 : 2", 1),
        ("true ? (1:2) : 3", [1, 2]),
        ("false ? 1 : 1:2", [1, 2]),
        ("[10, 20, 30][2:3]", [20, 30]),
        ("[10, 20, 30][[3, 1]]", [30, 10]),
        ("{{$context.text}}[1:2]", "ab"),
        ("[1, 2; 3, 4][2, 1]", 3),
        ("[1, 2; 3, 4][:, 2]", [2, 4]),
        ("[1, 2; 3, 4][1, :]", [1, 2]),
        ("[1, 2; 3, 4][1:2, 1]", [1, 3]),
        ("[1, 2; 3, 4][9, 1]", None),
        ("[1, 2; 3, 4]'", [[1, 3], [2, 4]]),
        ("[1, 2]'", [1, 2]),
        ("{{$context.n}}'", 3),
        ("[1, 2, 3] + 1", [2, 3, 4]),
        ("1 - [1, 2]", [0, -1]),
        ("[1, 2] + [3, 4]", [4, 6]),
        ("-[1, 2]", [-1, -2]),
        ("[1, 2] * [3, 4]", 11),
        ("[1, 2; 3, 4] * [1, 2; 3, 4]", [[7, 10], [15, 22]]),
        ("[1, 2; 3, 4] * [1, 2]", [5, 11]),
        ("[1, 2] .* [3, 4]", [3, 8]),
        ("[6, 8] ./ [3, 4]", [2, 2]),
        ("[1, 2] .^ 2", [1, 4]),
        ("[1, 2; 3, 4] ^ 2", [[7, 10], [15, 22]]),
        ("[1, 2; 3, 4] ^ 0", [[1, 0], [0, 1]]),
        ("[1, 2] / 2", [0.5, 1]),
        ("{{$context.prices}} .* {{$context.counts}}", [6, 6]),
        ("sum({{$context.prices}} .* {{$context.counts}})", 12),
        ("round([1.24, 2.56], 1)", [1.2, 2.6]),
        ("mean([1, 2; 3, 4], 2)", [1.5, 3.5]),
        ("std([1, 2, 3], 'uncorrected')", 0.816496581),
        ("5 >>> 1", 2),
        ("-1 >>> 28", 15),
        ("2 ^| 3", 1),
        ("{a: 1, 'b c': [1, 2], 3: 0.1 + 0.2}", {"a": 1, "b c": [1, 2], "3": 0.3}),
        ("{}", {}),
        ("{a: {b: 2}}.a.b", 2),
        ("{{$context.object}}.a[2]", 2),
    ],
)
def test_value(text, expected):
    assert value(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5 cm", "5 cm"),
        ("5 cm to inch", "1.968503937 inch"),
        ("5 in to cm", "12.7 cm"),
        ("2 inch in cm", "5.08 cm"),
        ("5 cm + 2 inch", "10.08 cm"),
        ("5 cm - 2 mm", "4.8 cm"),
        ("2 m * 3 m", "6 m^2"),
        ("20 kg / 4 kg", 5),
        ("1 km / 1 m", 1000),
        ("90 km / 2 h", "45 km / h"),
        ("90 km/h to m/s", "25 m / s"),
        ("1 / (4 s)", "0.25 1 / s"),
        ("5 m^2 to cm^2", "50000 cm^2"),
        ("20 celsius to fahrenheit", "68 fahrenheit"),
        ("0 K to celsius", "-273.15 celsius"),
        ("5 MB to kB", "5000 kB"),
        ("1 GiB to MiB", "1024 MiB"),
        ("3 hours to minutes", "180 minutes"),
        ("{{$context.n}} kg to g", "3000 g"),
        ("number(5 cm, mm)", 50),
        ("number(5 cm, 'mm')", 50),
        ("5 cm == 50 mm", True),
        ("5 cm > 40 mm", True),
        ("5 cm == 5", False),
        ("5 cm == 4 kg", False),
        ("5 cm < 4 kg", False),
        ("abs(-5 cm)", "5 cm"),
        ("sqrt(4 m^2)", "2 m"),
        ("(2 m) ^ 3", "8 m^3"),
        ("round(1.26 kg, 1)", "1.3 kg"),
        ("format(1.26 kg, 2)", "1.3 kg"),
        ("sin(90 deg)", 1),
        ("[1 cm, 2 cm]", ["1 cm", "2 cm"]),
        ("[1, 2] .* (3 cm)", ["3 cm", "6 cm"]),
        ("concat('it is ', 5 cm)", "it is 5 cm"),
        ("unit('5 cm') + unit(1, 'cm')", "6 cm"),
        ("0 m ? 'some' : 'none'", "none"),
    ],
)
def test_quantities(text, expected):
    assert value(text) == expected


@pytest.mark.parametrize(
    ("text", "words", "position"),
    [
        ("5 cm to kg", "cm and kg measure different things", 5),
        ("5 cm + 1 kg", "measure different things", 5),
        ("5 cm + 1", "give both a unit", 5),
        ("1 + 5 cm", "give both a unit", 2),
        ("5 to cm", "Only quantities are converted", 2),
        ("20 celsius * 2 m", "Degrees can't be multiplied", 11),
        ("5 cm to 'lightspeed'", "'lightspeed' is no unit", 5),
        ("5 lightspeed", "Unknown name lightspeed", 2),
        ("sum(5 cm)", "needs numbers, not 5 cm", 0),
        ("2 ^ (5 cm)", "A power is a plain number", 2),
        ("(2 m) ^ 13", "whole powers up to 12", 6),
        ("5 cm / 0", "no finite number", 5),
        ("[1, 2] + [1, 2, 3]", "lists of one length, not of 2 and 3", 7),
        ("[1, 2; 3, 4] * [1, 2, 3]", "as many rows", 13),
        ("[1, 2] / [1, 2]", "divides by a number", 7),
        ("[1, 2; 3] * 2 * [1; 2]", "rows of one length", 14),
        ("[1, 2] ^ 2", "square matrix", 7),
        ("inv([1, 2; 2, 4])", "has no inverse", 0),
        ("1:0:5", "a step other than 0", 1),
        ("[1, 'a'] + 1", "+ adds numbers", 9),
    ],
)
def test_errors_name_the_place(text, words, position):
    with pytest.raises(ExpressionError) as caught:
        value(text)
    assert words in str(caught.value)
    assert caught.value.position == position


@pytest.mark.parametrize("text", ["5 cm", "[1] + 1", "1:3", "20%", "{a: 1}", "2 pi"])
def test_the_other_dialect_has_none_of_it(text):
    with pytest.raises(ExpressionError):
        compile_expression("formula.js", text).evaluate(SCOPE)


def test_nothing_of_the_scope_is_changed():
    prices = SCOPE["$context"]["prices"]
    value("{{$context.prices}} + 1")
    value("sort({{$context.prices}}, 'desc')")
    assert prices == [1.5, 3]
