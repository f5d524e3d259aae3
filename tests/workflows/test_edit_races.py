"""Several people at one workflow at the same moment, over connections of their own."""

from threading import Barrier, Thread

import pytest
from django.db import connection, transaction
from django.utils import timezone

from tests.workflows.kinds import graph, plant, spare
from workflows import editing, versions
from workflows.errors import Busy, Frozen
from workflows.models import Workflow

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("registered")]


class Person(Thread):
    """Does one thing, and keeps what came of it."""

    def __init__(self, act, start=None):
        super().__init__()
        self.act = act
        self.start_line = start
        self.came_of_it = None

    def run(self):
        try:
            if self.start_line is not None:
                self.start_line.wait(10)
            self.came_of_it = self.act()
        except Exception as error:
            self.came_of_it = error
        finally:
            connection.close()


def together(*acts):
    start = Barrier(len(acts))
    people = [Person(act, start) for act in acts]
    for person in people:
        person.start()
    for person in people:
        person.join(20)
    return [person.came_of_it for person in people]


class Races:
    def test_many_insert_at_one_place(self):
        workflow = spare()
        fork = plant(workflow, "A(0: b) c")["A"]
        add = lambda: editing.add_node(workflow, type="t-plain", title="x", upstream=fork, branch_index=0)  # noqa: E731
        results = together(*[add] * 6)
        assert [type(result).__name__ for result in results] == ["Node"] * 6
        assert len(graph(workflow).nodes) == 9
        assert len(list(graph(workflow).head.below())) == 7

    def test_inserting_and_removing(self):
        workflow = spare()
        nodes = plant(workflow, "A(0: b c d e) f")
        together(
            *[lambda node=nodes[name]: editing.remove_node(node) for name in "bcde"],
            *[
                lambda: editing.add_node(workflow, type="t-plain", upstream=nodes["A"], branch_index=0)
                for _ in range(4)
            ],
        )
        assert len(graph(workflow).nodes) == 6

    def test_versions_made_at_once_are_numbered(self):
        workflow = versions.create_workflow(type="t-tick", title="A test")
        results = together(*[lambda: versions.revise(workflow)] * 5)
        assert sorted(row.version for row in results) == [2, 3, 4, 5, 6]

    def test_one_is_enabled_whoever_is_last(self):
        rows = [versions.create_workflow(type="t-tick", title="A test", key="k", config={"every": 1}) for _ in range(4)]
        acts = [lambda row=row: versions.enable(row) for row in rows] * 3
        results = together(*acts)
        assert [type(result).__name__ for result in results] == ["Workflow"] * len(acts)
        stored = list(Workflow.objects.filter(key="k"))
        assert [row.enabled for row in stored].count(True) == 1
        assert [row.enabled for row in stored] == [row.current is True for row in stored]

    def test_an_edit_waits_for_the_first_run_and_is_refused(self):
        workflow = spare()
        person = Person(lambda: editing.add_node(workflow, type="t-plain"))
        with transaction.atomic():
            Workflow.objects.filter(pk=workflow.pk).update(frozen_at=timezone.now())
            person.start()
            person.join(0.3)
            assert person.is_alive()
        person.join(10)
        assert isinstance(person.came_of_it, Frozen)
        assert not workflow.nodes.exists()

    def test_one_of_two_gets_the_name(self):
        make = lambda: versions.create_workflow(type="t-tick", title="A test", name="quick")  # noqa: E731
        results = together(make, make)
        assert sorted(type(result).__name__ for result in results) in (["Busy", "Workflow"], ["Invalid", "Workflow"])
        assert Workflow.objects.filter(name="quick").count() == 1

    def test_a_name_that_somebody_is_about_to_take(self):
        make = lambda: versions.create_workflow(type="t-tick", title="A test", name="quick")  # noqa: E731
        person = Person(make)
        with transaction.atomic():
            make()
            person.start()
            person.join(0.3)
            assert person.is_alive()
        person.join(10)
        # It could not see the name before, only meet it.
        assert isinstance(person.came_of_it, Busy)
        assert "at the same moment" in str(person.came_of_it)
        assert Workflow.objects.count() == 1

    def test_a_version_deleted_while_another_is_made(self):
        workflow = versions.create_workflow(type="t-tick", title="A test")
        deleted, revised = together(lambda: versions.delete([workflow]), lambda: versions.revise(workflow))
        # Either the revision came first and went too, or there was nothing left to revise.
        assert (deleted, type(revised).__name__) in [(2, "Workflow"), (1, "NotFound")]
        assert not Workflow.objects.exists()


@pytest.mark.postgres
class TestOnPostgres(Races):
    pass


@pytest.mark.mariadb
class TestOnMariaDB(Races):
    pass
