"""What cards say of their nodes."""

import pytest
from django.urls import reverse

from tests.people import person
from tests.workflows.kinds import spare
from workflows import editing
from workflows.admin.cards import LONGEST_SUMMARY, notes_of, summary
from workflows.graph import Graph
from workflows.models import Node

LOGIC = {"calculator": "gt", "operands": ["{{$context.n}}", 5]}


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({}, ""),
        (None, ""),
        ({"collection": "shop.Line"}, "shop.Line"),
        ({"collection": "shop.Line", "params": {"values": {"a": 1, "b": 2}}}, "shop.Line: a, b"),
        ({"method": "POST", "url": "https://me:hush@example.org/a?token=hush#x"}, "POST example.org/a"),
        ({"url": "https://[x"}, ""),
        ({"duration": 5, "unit": 60000}, "5 minutes"),
        ({"duration": 1, "unit": 1000}, "1 second"),
        ({"duration": 1.5, "unit": 3600000}, "1.5 hours"),
        ({"duration": "{{$context.n}}"}, "{{$context.n}}"),
        ({"assignees": [1, "ann", {"filter": {}}]}, "1, ann, people by filter"),
        ({"users": "{{$context.who}}"}, "{{$context.who}}"),
        ({"calculation": {"group": {"type": "and", "calculations": [LOGIC]}}}, "{{$context.n}} is greater than 5"),
        ({"calculation": {"group": {"type": "or", "calculations": [LOGIC, LOGIC]}}},
         "{{$context.n}} is greater than 5 …"),
        ({"calculation": 5, "expression": "1 < 2"}, "1 < 2"),
        ({"value": True}, ""),
        ({"collection": [], "params": 5, "url": {}, "unit": [], "assignees": {"x": 1}}, "people by filter"),
    ],
)  # fmt: skip
def test_the_configuration_is_told_in_a_line(config, told):
    assert str(summary(config)) == told


@pytest.mark.django_db
def test_what_is_wrong_is_told_without_asking_the_database(django_assert_num_queries):
    workflow = spare()
    made = [
        editing.add_node(workflow, type="manual", config={"assignees": [1]}),
        editing.add_node(workflow, type="output", config={"value": "x " * 300}),
    ]
    template = f"{{{{ $jobsMapByNodeKey.{made[1].key}.a.b }}}} {{{{$scopes.gone.item}}}}"
    editing.change_node(made[1], title="The list")
    made += [editing.add_node(workflow, type="output", config={"value": template})]
    made += [editing.add_node(workflow, type="output", config={}) for _each in range(3)]
    Node.objects.filter(pk=made[3].pk).update(type="gone")
    Node.objects.filter(pk=made[4].pk).update(type="query", config={"collection": "gone.Model"})
    Node.objects.filter(pk=made[5].pk).update(policy={"onError": "x"})
    graph = Graph(workflow, Node.objects.filter(workflow=workflow))
    with django_assert_num_queries(0):
        found = notes_of(graph)
    notes = [found[node.pk] for node in made]
    assert (notes[0].summary, notes[0].fatal) == ("1", False)
    assert "Nobody can decide" in notes[0].problem
    assert (len(notes[1].summary), notes[1].problem) == (LONGEST_SUMMARY, "")
    assert notes[2].summary == "{{The list.a.b}} {{$scopes.gone.item}}"
    assert "gone" in notes[3].problem
    assert "gone.Model" in notes[4].problem
    assert notes[4].summary == "gone.Model"
    assert notes[5].problem.startswith("Policy: ")
    assert [note.fatal for note in notes] == [False, False, False, True, True, True]


@pytest.mark.django_db
def test_who_may_not_see_nodes_is_told_nothing_of_their_configuration(client):
    workflow = spare()
    editing.add_node(workflow, type="output", config={"value": "<b>between us</b>"})
    for permissions, told in (
        (("workflows.view_workflow",), 0),
        (("workflows.view_workflow", "workflows.view_node"), 1),
    ):
        client.force_login(person(*permissions, username=f"reader{told}"))
        answer = client.get(reverse("admin:workflows_workflow_canvas", args=[workflow.pk]))
        assert answer.content.decode().count("&lt;b&gt;between us&lt;/b&gt;") == told
        assert b"<b>between" not in answer.content
