"""What a run is found by: written with its row, copied to its reruns, gone with it."""

import pytest
from django.db import connection, transaction

from executions import operations
from executions.dispatcher import run_now, start
from executions.drain import drain_all
from executions.models import Attribute, Execution
from executions.store import attributes, purge
from tests.building import build
from tests.faults import kinds
from workflows.errors import Invalid

pytestmark = pytest.mark.django_db(transaction=True)

DECLARED = {"searchAttributes": {"customer": "{{$context.customer}}", "total": "{{$context.total}}"}}


def found(execution):
    rows = Attribute.objects.filter(execution=execution.pk).order_by("name", "text")
    return [(row.name, row.text, row.number) for row in rows]


def test_attributes_and_tags_come_with_the_row():
    workflow = build([], options=DECLARED)
    run = start(workflow, {"customer": "Ada", "total": 12.5}, tags=["express", "big", "big"])
    assert found(run) == [("", "big", None), ("", "express", None), ("customer", "Ada", None), ("total", "12.5", 12.5)]
    assert set(Attribute.objects.values_list("key", flat=True)) == {workflow.key}


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        ("paid", [("paid", None)]),
        ("x" * 200, [("x" * 128, None)]),
        (5, [("5", 5.0)]),
        (5.0, [("5", 5.0)]),
        (-1.25, [("-1.25", -1.25)]),
        ("12.50", [("12.50", 12.5)]),
        ("1e5", [("1e5", None)]),
        (True, [("true", None)]),
        (10**20, [("100000000000000000000", 1e20)]),
        ("2026-01-31", [("2026-01-31", None)]),
        (None, []),
        ("", []),
        ({"a": 1}, []),
        ([1], []),
    ],
)
def test_values_are_texts_and_perhaps_numbers(value, stored):
    workflow = build([], options={"searchAttributes": {"value": "{{$context.value}}"}})
    run = start(workflow, {"value": value})
    assert [(text, number) for _name, text, number in found(run)] == stored


def test_one_that_fails_is_left_out_and_noted_and_the_save_stands(caplog, monkeypatch):
    def fail(template, scope):
        if "total" in template:
            raise RecursionError("deep")
        return "Ada"

    monkeypatch.setattr(attributes, "render", fail)
    workflow = build([], options=DECLARED)
    run = start(workflow, {})
    assert found(run) == [("customer", "Ada", None)]
    assert "Search attribute total" in caplog.text


def test_a_run_with_neither_costs_one_insert(django_assert_num_queries):
    workflow = build([])
    start(workflow, {})
    with transaction.atomic(), django_assert_num_queries(1):
        start(workflow, {})


def test_attributes_of_many_cost_one_statement(django_assert_num_queries):
    workflow = build([], options=DECLARED)
    start(workflow, {})
    with transaction.atomic(), django_assert_num_queries(2):
        start(workflow, {"customer": "Ada", "total": 1}, tags=["a", "b"])


def test_a_run_and_its_attributes_come_together_or_not_at_all(monkeypatch):
    workflow = build([], options=DECLARED)
    start(workflow, {"customer": "warm"})
    before = Execution.objects.count()

    def fail(*_):
        raise RuntimeError("broken")

    monkeypatch.setattr(attributes, "insert", fail)
    with pytest.raises(RuntimeError):
        start(workflow, {"customer": "Ada"})
    assert Execution.objects.count() == before


@pytest.mark.parametrize(
    "tags", ["text", [1], [""], ["x" * 129], ["a\x00"], ["a"] * 51, {"a": 1}], ids=lambda tags: repr(tags)[:20]
)
def test_tags_that_do_not_fit_are_refused_by_name(tags):
    with pytest.raises(Invalid) as refused:
        start(build([]), {}, tags=tags)
    assert refused.value.field == "tags"


def test_a_rerun_is_found_by_the_same():
    run = start(
        build([("calculation", {"engine": "math.js", "expression": "1"})], options=DECLARED),
        {"customer": "Ada"},
        tags=["x"],
    )
    drain_all()
    again = operations.rerun(run.pk)
    assert again.pk != run.pk
    assert found(again) == found(run) == [("", "x", None), ("customer", "Ada", None)]


def test_they_go_with_the_run():
    run, other = (start(build([], options=DECLARED), {"customer": "Ada"}) for _ in range(2))
    operations.delete([run.pk])
    assert not found(run)
    assert found(other)
    drain_all()
    with transaction.atomic():
        purge.delete_runs([other.pk])
    assert not Attribute.objects.exists()


def test_a_sync_run_is_found_too():
    workflow = build([], options=DECLARED, sync=True)
    run = run_now(workflow, {"customer": "Ada"})
    assert found(run) == [("customer", "Ada", None)]


def test_a_child_is_found_by_what_its_own_workflow_declares():
    child = build([], title="child", options={"searchAttributes": {"kind": "small"}})
    with kinds.known():
        run = start(build([("t-do", {"act": "child", "value": child.pk})], options=DECLARED), {"customer": "Bob"})
        drain_all()
    [below] = Execution.objects.filter(parent_execution=run.pk)
    assert found(below) == [("kind", "small", None)]
    assert found(run) == [("customer", "Bob", None)]


@pytest.mark.parametrize(
    ("declared", "fits"),
    [
        ({"customer": "{{$context.a}}"}, True),
        ({f"a{index}": "x" for index in range(5)}, True),
        ({f"a{index}": "x" for index in range(6)}, False),
        ({"a__b": "x"}, False),
        ({"a b": "x"}, False),
        ({"1a": "x"}, False),
        ({"a": ""}, False),
        ({"a": "{{$context.a"}, False),
        ({"a": 5}, False),
        (["a"], False),
    ],
)
def test_what_a_workflow_may_declare(declared, fits):
    from pydantic import ValidationError

    from workflows.options import WorkflowOptions

    try:
        options = WorkflowOptions.model_validate({"searchAttributes": declared})
    except ValidationError:
        assert not fits
    else:
        assert fits
        assert options.search_attributes == declared


def test_the_tags_of_older_runs_are_noted_by_the_migration():
    from importlib import import_module

    from django.apps import apps

    run = start(build([]), {}, tags=["a", "b"])
    Attribute.objects.all().delete()
    with connection.schema_editor() as editor:
        import_module("executions.migrations.0003_lists").note_tags(apps, editor)
    assert found(run) == [("", "a", None), ("", "b", None)]
