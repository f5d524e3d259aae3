import pytest

from executions.dialects.nocobase.query import parse
from workflows.errors import Invalid


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", {}),
        ("a=1&b=true", {"a": "1", "b": "true"}),
        ("a", {"a": None}),
        ("a=", {"a": ""}),
        ("a[]=1&a[]=2", {"a": ["1", "2"]}),
        ("a%5B%5D=1&a%5B%5D=2", {"a": ["1", "2"]}),
        ("a[1]=y&a[0]=x", {"a": ["x", "y"]}),
        ("a[7]=x", {"a": ["x"]}),
        ("a[]=1", {"a": ["1"]}),
        ("a=1&a=2&a=3", {"a": ["1", "2", "3"]}),
        ("a[]=1&a=2", {"a": ["1", "2"]}),
        ("a=1&a[]=2", {"a": ["1", "2"]}),
        ("a=1&a=2&a[]=3", {"a": ["1", "2", "3"]}),
        ("a[101]=x", {"a": {"101": "x"}}),
        ("a[b][c]=1&a[b][d]=2", {"a": {"b": {"c": "1", "d": "2"}}}),
        ("filter[status]", {"filter": {"status": None}}),
        ("filter[status][$in][]=0&filter[status][$in][]=1", {"filter": {"status": {"$in": ["0", "1"]}}}),
        ("filter[$and][0][a]=1&filter[$and][1][b]=2", {"filter": {"$and": [{"a": "1"}, {"b": "2"}]}}),
        ("a[b.c]=1", {"a": {"b.c": "1"}}),
        ("a[=1", {"a[": "1"}),
        ("a]b=1", {"a]b": "1"}),
        ("a=x+y%2Bz%20", {"a": "x y+z "}),
        ("a=b=c&&", {"a": "b=c"}),
        ("__proto__[x]=1", {"__proto__": {"x": "1"}}),
    ],
)
def test_brackets_make_lists_and_objects(text, found):
    assert parse(text) == found


@pytest.mark.parametrize(
    "text",
    [
        "&".join(["a=1"] * 1001),
        "a" + "[b]" * 21 + "=1",
        "a=1&a[b]=2",
        "a=1&a[0]=2",
        "a[b]=1&a=2",
        "a[b]=1&a[b][c]=2",
        "a=%00",
        "a[%00]=1",
        "%00=1",
    ],
)
def test_what_is_too_much_or_unclear_is_refused(text):
    with pytest.raises(Invalid):
        parse(text)
