import pytest

from workflows import jsoninput
from workflows.errors import Invalid


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{}", {}),
        (b'{"a": [1, 2.5, null, true, "\xc3\xa9"]}', {"a": [1, 2.5, None, True, "é"]}),
        ('"\\ud83d\\ude00"', "😀"),
        ("[" * 64 + "]" * 64, None),
    ],
)
def test_loads_what_can_be_stored(text, value):
    loaded = jsoninput.loads(text)
    assert value is None or loaded == value


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("", None),
        ("{", None),
        ("nope", None),
        (b"\xff\xfe\x00", None),
        ("NaN", None),
        ('{"a": {"b": Infinity}}', "a.b"),
        ('{"a": [0, 1e999]}', "a.1"),
        ('{"a": "x\\u0000y"}', "a"),
        ('{"a": {"x\\u0000": 1}}', "a"),
        ('["\\ud800"]', "0"),
        ('{"n": ' + "9" * 400 + "}", "n"),
        ("9" * 5000, None),
        ("[" * 66 + "]" * 66, None),
        ("[" * 100_000 + "]" * 100_000, None),
    ],
)
def test_refuses_what_can_not(text, field):
    with pytest.raises(Invalid) as refused:
        jsoninput.loads(text)
    assert refused.value.field == field


def test_check_names_paths_below_its_own():
    with pytest.raises(Invalid) as refused:
        jsoninput.check({"a": ["\x00"]}, "config")
    assert refused.value.field == "config.a.0"
