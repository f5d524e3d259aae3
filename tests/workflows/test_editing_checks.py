"""What an edit checks, who may make it and what it costs (spec 3.8, 3.9)."""

import pytest
from django.contrib.auth.models import Permission

from tests.workflows.kinds import outline, plant, spare
from workflows import editing
from workflows.errors import Invalid
from workflows.models import Node, Workflow

pytestmark = [pytest.mark.engine, pytest.mark.django_db, pytest.mark.usefixtures("registered")]


@pytest.mark.parametrize(
    ("fields", "path", "sentence"),
    [
        pytest.param({"type": "t-none"}, "type", "no node type 't-none'", id="case54-unknown"),
        pytest.param({"type": None}, "type", "no node type", id="case54-missing"),
        pytest.param({"type": ["t-plain"]}, "type", "no node type", id="case54-no-text"),
        pytest.param({"config": {"amount": "much"}}, "config.amount", "valid integer", id="schema"),
        pytest.param({"config": {"wrong": True}}, "config.wrong", "This is wrong", id="check"),
        pytest.param({"config": ["amount"]}, "config", "object of keys", id="no-object"),
        pytest.param({"config": {"a": {"b": "\x00"}}}, "config.a.b", "NUL", id="nul"),
        pytest.param({"config": {"a": float("nan")}}, "config.a", "finite", id="nan"),
        pytest.param({"policy": {"retry": {"attempts": 0}}}, "policy.retry.attempts", "greater than", id="policy"),
        pytest.param({"policy": [1]}, "policy", "object of keys", id="policy-no-object"),
        pytest.param({"title": "x" * 256}, "title", "255", id="long-title"),
        pytest.param({"title": "\x00"}, "title", "NUL", id="nul-in-the-title"),
        pytest.param({"title": "\ud800"}, "title", "surrogate", id="half-a-character"),
    ],
)
def test_bad_fields(fields, path, sentence):
    workflow = spare()
    with pytest.raises(Invalid, match=sentence) as raised:
        editing.add_node(workflow, **{"type": "t-plain", **fields})
    assert raised.value.field == path
    assert path in raised.value.errors
    assert not workflow.nodes.exists()


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"config": {"amount": "much"}}, "config.amount"),
        ({"config": None}, "config"),
        ({"policy": {"timeout": -1}}, "policy.timeout"),
        ({"policy": None}, "policy"),
        ({"title": None}, "title"),
    ],
)
def test_bad_changes(fields, path):
    nodes = plant(spare(), "a")
    with pytest.raises(Invalid) as raised:
        editing.change_node(nodes["a"], **fields)
    assert raised.value.field == path
    assert Node.objects.get().title == nodes["a"].title == "a"


def test_change():
    nodes = plant(spare(), "a b")
    row = editing.change_node(nodes["a"], title="z", config={"amount": 4, "wrong": False}, policy={"onError": "ask"})
    stored = Node.objects.get(pk=nodes["a"].pk)
    for node in (row, stored, nodes["a"]):
        assert (node.title, node.config, node.policy) == ("z", {"amount": 4, "wrong": False}, {"onError": "ask"})
    assert stored.downstream_id == nodes["b"].pk


def test_change_of_one_field_leaves_the_others():
    nodes = plant(spare(), "a")
    Node.objects.update(title="renamed meanwhile")
    editing.change_node(nodes["a"], config={"amount": 4})
    assert Node.objects.get().title == nodes["a"].title == "renamed meanwhile"


class TestBranchesOfAKind:
    @pytest.fixture
    def cases(self):
        workflow = spare()
        return editing.add_node(workflow, type="t-cases", title="C", config={"cases": 2})

    def test_allowed(self, cases):
        editing.add_node(cases.workflow, type="t-plain", title="x", upstream=cases, branch_index=1)
        assert outline(cases.workflow) == "C(1: x)"

    def test_refused(self, cases):
        with pytest.raises(Invalid, match="has no branch 2; it may have: 0, 1") as raised:
            editing.add_node(cases.workflow, type="t-plain", upstream=cases, branch_index=2)
        assert raised.value.field == "branch_index"

    def test_a_change_may_not_strand_nodes(self, cases):
        editing.add_node(cases.workflow, type="t-plain", title="x", upstream=cases, branch_index=1)
        with pytest.raises(Invalid, match="has no branch 1") as raised:
            editing.change_node(cases, config={"cases": 1})
        assert raised.value.field == "config"
        assert Node.objects.get(pk=cases.pk).config == {"cases": 2}

    def test_a_branch_of_a_broken_node(self, cases):
        Node.objects.update(config={"cases": "many"})
        with pytest.raises(Invalid, match="C must be put right first") as raised:
            editing.add_node(cases.workflow, type="t-plain", upstream=cases, branch_index=1)
        assert raised.value.field == "branch_index"


@pytest.mark.parametrize("limit", [1, 2])
def test_limit_of_nodes(settings, limit):
    settings.SLUICE = {"NODES_LIMIT": 2}
    workflow = spare()
    nodes = plant(workflow, "a b"[: 2 * limit])
    edits = [
        lambda: editing.add_node(workflow, type="t-plain", title="x"),
        lambda: editing.copy_node(nodes["a"], upstream=None),
    ]
    for edit in edits[limit == 1 :]:
        if limit == 1:
            edit()
        else:
            with pytest.raises(Invalid, match="at most 2 nodes"):
                edit()
    assert workflow.nodes.count() == 2


EDITS = {
    "case29-add": lambda workflow, nodes, by: editing.add_node(workflow, type="t-plain", by=by),
    "case35-change": lambda workflow, nodes, by: editing.change_node(nodes["A"], title="z", by=by),
    "copy": lambda workflow, nodes, by: editing.copy_node(nodes["A"], upstream=None, by=by),
    "move": lambda workflow, nodes, by: editing.move_node(nodes["c"], upstream=None, by=by),
    "remove": lambda workflow, nodes, by: editing.remove_node(nodes["c"], by=by),
    "remove-branch": lambda workflow, nodes, by: editing.remove_branch(nodes["A"], 0, by=by),
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_an_edit_is_stamped_on_its_version(edit, user):
    workflow = spare()
    nodes = plant(workflow, "A(0: b) c")
    edit(workflow, nodes, user)
    stored = Workflow.objects.get()
    assert stored.updated_by_id == user.pk
    assert stored.updated_at > workflow.updated_at


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_an_edit_costs_few_queries(edit, django_assert_max_num_queries):
    workflow = spare()
    nodes = plant(workflow, "A(0: b; 1: e f g) c")
    # Savepoint and release, workflow, nodes, the node itself, three for links, the stamp.
    with django_assert_max_num_queries(9):
        edit(workflow, nodes, None)


class TestPermissions:
    """Whoever saves a node that writes a model needs the model's own permission."""

    writing = {"writes": "auth.Group"}

    @pytest.fixture(autouse=True)
    def _usable(self, settings):
        settings.SLUICE = {"MODELS": ["*", "auth.Group"]}

    def test_refused(self, user):
        workflow = spare()
        nodes = plant(workflow, "a")
        for edit in (
            lambda: editing.add_node(workflow, type="t-plain", config=self.writing, by=user),
            lambda: editing.change_node(nodes["a"], config=self.writing, by=user),
            lambda: editing.copy_node(nodes["a"], upstream=None, config=self.writing, by=user),
        ):
            with pytest.raises(Invalid, match=r"auth\.add_group") as raised:
                edit()
            assert raised.value.field == "config.collection"
        assert outline(workflow) == "a"

    def test_of_who_may(self, user):
        user.user_permissions.add(Permission.objects.get(codename="add_group"))
        editing.add_node(spare(), type="t-plain", config=self.writing, by=user)

    def test_of_the_system(self):
        editing.add_node(spare(), type="t-plain", config=self.writing)

    def test_of_a_model_that_is_none(self, user):
        with pytest.raises(Invalid) as raised:
            editing.add_node(spare(), type="t-plain", config={"writes": "nowhere.Nothing"}, by=user)
        assert raised.value.field.startswith("config")


def test_all_that_is_wrong_is_told_at_once():
    with pytest.raises(Invalid) as raised:
        editing.add_node(spare(), type="t-plain", config={"amount": "much", "writes": 5})
    assert set(raised.value.errors) == {"config.amount", "config.writes"}
