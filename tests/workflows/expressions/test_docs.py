"""Every example of docs/expressions.md and the pages below it is tried, and every function has one."""

import json
import re
from pathlib import Path

import pytest
from django.utils import timezone

from workflows.expressions import ExpressionError, compile_expression, render
from workflows.expressions.functions import library
from workflows.jsonable import jsonable
from workflows.templating import check_templates

DOCS = Path(__file__).parents[3] / "docs"
PAGE = (DOCS / "expressions.md").read_text()
PAGES = "\n".join([PAGE, *(page.read_text() for page in sorted((DOCS / "expressions").glob("*.md")))])
SCOPE = json.loads(re.search(r"```json\n(.*?)```", PAGE, re.DOTALL)[1])
SCOPE["ctx"] = dict(SCOPE)
CELL = re.compile(r"(?<!\\)\|")
DIALECTS = {"both": ("math.js", "formula.js")}


def cells(line):
    return [cell.strip().replace("\\|", "|") for cell in CELL.split(line)[1:-1]]


def examples():
    """(engine or "template", example, expected) of every table with an example in it."""
    header = None
    for line in PAGES.splitlines():
        if not line.startswith("|"):
            header = None
            continue
        row = cells(line)
        if header is None:
            header = row
            continue
        column = next((n for n, cell in enumerate(header) if re.match(r"Example \(|Template$", cell)), None)
        if column is None or row[0].startswith("---"):
            continue
        found = re.search(r"\((.+)\)", header[column])
        example, result = row[column].strip("`"), row[column + 1].strip("`")
        for engine in DIALECTS.get(found[1], (found[1],)) if found else ("template",):
            yield engine, example, json.loads(result)


EXAMPLES = list(examples())


@pytest.mark.parametrize(("engine", "example", "expected"), EXAMPLES)
def test_example(engine, example, expected):
    with timezone.override("UTC"):
        if engine == "template":
            found = render(json.loads(example), SCOPE)
        else:
            found = compile_expression(engine, example).evaluate(SCOPE)
    assert jsonable(found) == expected
    assert isinstance(found, bool) is isinstance(expected, bool)


REFUSED = re.search(r"### Placeholders that are refused\n[^|]*((?:\|.*\n)+)", PAGE)[1]


@pytest.mark.parametrize("text", [cells(row)[0].strip("`") for row in REFUSED.splitlines()[2:]])
def test_what_is_said_to_be_refused_is(text):
    with pytest.raises(ExpressionError):
        check_templates({"value": text})


def test_the_page_has_examples_of_every_engine():
    assert {engine for engine, _example, _expected in EXAMPLES} == {
        "math.js",
        "formula.js",
        "string",
        "template",
        "cel",
    }


def documented():
    tables = re.findall(r"^\| Function \|.*\n\|---.*\n((?:\|.*\n?)+)", PAGES, re.MULTILINE)
    rows = (cells(line)[0] for table in tables for line in table.splitlines())
    return {name.lower() for row in rows for name in re.findall(r"`([A-Za-z][\w.]*)\(", row)}


@pytest.mark.parametrize("dialect", ["math.js", "formula.js"])
def test_every_function_is_documented(dialect):
    assert set(library.names(dialect)) <= documented()


def test_nothing_is_documented_that_is_not_there():
    assert documented() <= {*library.names("math.js"), *library.names("formula.js")}


def test_every_page_is_listed():
    listed = set(re.findall(r"\]\(expressions/(\w+)\.md\)", PAGE))
    assert listed == {page.stem for page in (DOCS / "expressions").glob("*.md")}
