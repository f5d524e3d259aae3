"""What may be saved, through `versions` and `editing`: unknown keys, and all that is wrong at once."""

import pytest

from tests.workflows.kinds import plant, spare
from workflows import editing, versions
from workflows.errors import Invalid, NotFound, check_all
from workflows.expressions.errors import ExpressionError
from workflows.models import Node, Workflow
from workflows.validation import inside

pytestmark = [pytest.mark.engine, pytest.mark.django_db, pytest.mark.usefixtures("registered")]

NODE = {"config": {"amuont": 1}, "policy": {"retry": {"attemps": 2}}}
VERSION = {"config": {"every": 1, "evrey": 2}, "options": {"timeuot": 1}}


def plain(**values):
    return {"type": "t-plain", **values}


def tick(**columns):
    return {"type": "t-tick", "title": "Tick", **columns}


def paths(operation, *arguments, **values):
    with pytest.raises(Invalid) as raised:
        operation(*arguments, **values)
    assert raised.value.field == next(iter(raised.value.errors))
    return set(raised.value.errors)


class TestUnknownKeys:
    def test_a_new_node(self):
        workflow = spare()
        assert paths(editing.add_node, workflow, **plain(**NODE)) == {"config.amuont", "policy.retry.attemps"}
        assert not Node.objects.exists()

    def test_a_new_version(self):
        assert paths(versions.create_workflow, **tick(**VERSION)) == {"config.evrey", "options.timeuot"}
        assert not Workflow.objects.exists()

    def test_the_sentence_names_the_nearest_key(self):
        with pytest.raises(Invalid) as raised:
            editing.add_node(spare(), **plain(config={"amuont": 1}))
        assert raised.value.errors == {"config.amuont": 'There is no such key. Did you mean "amount"?'}

    def test_a_dialect_keeps_them(self):
        workflow = versions.create_workflow(**tick(**VERSION, lenient=True))
        node = editing.add_node(workflow, **plain(**NODE, lenient=True))
        stored = Node.objects.get(pk=node.pk)
        assert (stored.config, stored.policy) == (NODE["config"], NODE["policy"])
        found = Workflow.objects.get()
        assert (found.config, found.options) == (VERSION["config"], VERSION["options"])

    def test_what_a_dialect_stored_may_stay_in_a_node(self):
        node = editing.add_node(spare(), **plain(**NODE, lenient=True))
        editing.change_node(node, title="renamed", config={"amuont": 5, "amount": 1}, policy=NODE["policy"])
        assert Node.objects.get(pk=node.pk).config == {"amuont": 5, "amount": 1}
        assert paths(editing.change_node, node, config={"amuont": 5, "amnt": 1}) == {"config.amnt"}
        editing.copy_node(node, upstream=None)
        assert paths(editing.copy_node, node, upstream=None, config={"amnt": 1}) == {"config.amnt"}

    def test_what_a_dialect_stored_may_stay_in_a_version(self):
        workflow = versions.create_workflow(**tick(**VERSION, lenient=True))
        versions.change_workflow(workflow, config={"every": 9, "evrey": 2}, options={"timeuot": 2, "priority": 1})
        versions.enable(workflow)
        assert paths(versions.change_workflow, workflow, options={"timoeut": 2}) == {"options.timoeut"}
        versions.enable(versions.revise(workflow))
        assert versions.revise(workflow, enabled=True).enabled
        assert versions.copy(workflow).options == {"timeuot": 2, "priority": 1}

    def test_a_dialect_adds_further_ones(self):
        node = plant(spare(), "a")["a"]
        editing.change_node(node, config={"mine": 1}, lenient=True)
        copied = editing.copy_node(node, upstream=None, config={"yours": 1}, lenient=True)
        workflow = versions.create_workflow(**tick())
        versions.change_workflow(workflow, options={"mine": 1}, config={"every": 1, "mine": 2}, lenient=True)
        assert (Node.objects.get(pk=node.pk).config, copied.config) == ({"mine": 1}, {"yours": 1})
        assert Workflow.objects.get(pk=workflow.pk).options == {"mine": 1}


@pytest.mark.parametrize(
    ("options", "path"),
    [
        ({"timeout": -1}, "options.timeout"),
        ({"timeout": "5 min"}, "options.timeout"),
        ({"stackLimit": 0}, "options.stackLimit"),
        ({"deleteExecutionOnStatus": [1, 7]}, "options.deleteExecutionOnStatus.1"),
        ({"priority": 10**9}, "options.priority"),
    ],
)
def test_options_that_mean_nothing(options, path):
    assert paths(versions.create_workflow, **tick(options=options)) == {path}
    if path == "options.priority":
        return
    # NocoBase's clients may send them, and mean none.
    workflow = versions.create_workflow(**tick(options=options, lenient=True))
    assert workflow.options == options


class TestAllAtOnce:
    def test_of_a_node(self):
        workflow = spare()
        nodes = plant(workflow, "a")
        found = paths(
            editing.add_node,
            workflow,
            **plain(title="x" * 300, config={"amount": "much", "wrnog": 1}, policy={"retry": {"attempts": 0}}),
            upstream=nodes["a"],
            branch_index=1,
        )
        assert found == {"title", "config.amount", "config.wrnog", "policy.retry.attempts", "branch_index"}

    def test_of_a_version(self):
        found = paths(
            versions.create_workflow,
            **tick(
                title="",
                name="not a name",
                config={"every": "often", "wrong": "perhaps"},
                options={"timeout": -1, "priority": -1, "queue": "a b"},
                time_zone="Nowhere/Land",
            ),
        )
        assert found == {
            "title", "name", "config.every", "config.wrong", "options.timeout", "options.priority", "options.queue",
            "time_zone",
        }  # fmt: skip

    def test_what_is_gone_is_told_alone(self):
        with pytest.raises(NotFound):
            editing.add_node(spare(), **plain(), upstream=77)


class TestCheckAll:
    def test_nothing_wrong(self):
        check_all(lambda: None, lambda: 1)

    def test_one_error_is_raised_itself(self):
        error = ExpressionError("No.", position=3, field="config.expression")

        def refuse():
            raise error

        with pytest.raises(ExpressionError) as raised:
            check_all(lambda: None, refuse)
        assert raised.value is error

    def test_several_are_one_with_the_codes_of_each(self):
        def refuse(error):
            raise error

        with pytest.raises(Invalid) as raised:
            check_all(
                lambda: refuse(ExpressionError("First.", field="a")),
                lambda: refuse(Invalid("Second.", errors={"b": "Second.", "a": "Later."})),
                lambda: refuse(Invalid("Whole.")),
            )
        assert raised.value.errors == {"a": "First.", "b": "Second.", "": "Whole."}
        assert raised.value.codes == {"a": "expression", "b": "invalid", "": "invalid"}
        assert (raised.value.field, raised.value.message) == ("a", "First.")

    def test_inside_a_column_all_paths_lie_below_it(self):
        def refuse(error):
            raise error

        with pytest.raises(Invalid) as raised, inside("config"):
            check_all(
                lambda: refuse(ExpressionError("First.", field="a")),
                lambda: refuse(Invalid("Whole.")),
            )
        assert raised.value.errors == {"config.a": "First.", "config": "Whole."}
        assert raised.value.codes == {"config.a": "expression", "config": "invalid"}


@pytest.mark.parametrize(
    ("type", "config", "found"),
    [
        pytest.param(
            "create",
            {"collection": "shop.Customer", "params": {"values": {"nmae": "x", "credit": "much"}, "appends": ["no"]}},
            {"config.params.values.nmae", "config.params.values.credit", "config.params.appends.0"},
            id="create",
        ),
        pytest.param(
            "query",
            {
                "collection": "shop.Customer",
                "params": {"filter": {"no": 1}, "appends": ["no"], "sort": [{"field": "no"}], "page": "one"},
            },
            {"config.params.filter.no", "config.params.appends.0", "config.params.sort.0.field", "config.params.page"},
            id="query",
        ),
        pytest.param(
            "multi-conditions",
            {"conditions": [{"engine": "math.js", "expression": "1 +"}, {"engine": "math.js"}]},
            {"config.conditions.0.expression", "config.conditions.1.expression"},
            id="multi-conditions",
        ),
    ],
)
def test_what_a_kind_itself_refuses_is_told_at_once(type, config, found):
    assert paths(editing.add_node, spare(), type=type, config=config) == found


def test_what_a_model_event_refuses_is_told_at_once():
    config = {"collection": "shop.Order", "mode": 2, "changed": ["no", "status", "nor"], "condition": {"no": 1}}
    found = paths(versions.create_workflow, type="collection", title="x", config={**config, "appends": ["no"]})
    assert found == {"config.changed.0", "config.changed.2", "config.condition.no", "config.appends.0"}
