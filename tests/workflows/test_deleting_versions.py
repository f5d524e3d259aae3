import pytest
from django.utils import timezone

from executions.models import Execution
from tests.workflows.kinds import plant
from tests.workflows.versioning import count, create, freeze
from workflows import versions
from workflows.counters import executed_of_keys
from workflows.errors import NotFound
from workflows.graph import load_graph
from workflows.models import Category, Counter, Node, Workflow

pytestmark = [pytest.mark.engine, pytest.mark.django_db, pytest.mark.usefixtures("registered")]


class TestDelete:
    def test_case_24_a_version_that_is_not_current_goes_alone(self):
        first = create(enabled=True)
        second = versions.revise(first, enabled=True)
        plant(first, "A(0: b) c")
        plant(second, "a")
        count(first, 3, 4)
        count(second, 5)
        assert versions.delete([first]) == 1
        assert list(Workflow.objects.all()) == [second]
        assert Node.objects.count() == 1
        assert versions.executed([first.pk, second.pk]) == {first.pk: 0, second.pk: 5}
        assert executed_of_keys([first.key]) == {first.key: 12}

    def test_the_current_version_takes_all_others_along(self, announced):
        first = create(enabled=True)
        second = versions.revise(first, enabled=True)
        other = create()
        plant(first, "A(0: b) c")
        for row in (first, second, other):
            count(row, 3)
        count(None, 9, key=first.key)
        assert announced()
        assert versions.delete([second]) == 2
        assert list(Workflow.objects.all()) == [other]
        assert list(Counter.objects.values_list("key", "executed")) == [(other.key, 3)]
        assert not Node.objects.exists()
        assert announced()

    def test_runs_stay(self):
        workflow = create()
        now = timezone.now()
        run = Execution.objects.create(
            workflow=workflow, key=workflow.key, title="A test", version=1, type="t-tick", queue="q",
            created_at=now, updated_at=now,
        )  # fmt: skip
        versions.delete([workflow])
        assert Execution.objects.get().workflow_id == run.workflow_id

    def test_of_a_selection(self):
        first, other = create(), create()
        second = versions.revise(first)
        assert versions.delete(Workflow.objects.all()) == 3
        assert versions.delete([first, second, other]) == 0
        assert versions.delete([]) == 0

    def test_keeps_categories(self):
        category = Category.objects.create(title="Sales")
        versions.delete([create(categories=[category])])
        assert Category.objects.get() == category


def test_a_cached_graph_goes_with_its_version():
    workflow = freeze(create())
    load_graph(workflow.pk)
    versions.delete([workflow])
    with pytest.raises(NotFound):
        load_graph(workflow.pk)
