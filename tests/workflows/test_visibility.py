import pytest
from django.contrib.auth import get_user_model
from django.db.models import Q

from tests.workflows.kinds import spare
from workflows.models import Category, Node, Workflow
from workflows.visibility import limit, may_see, narrowed, visible, visible_nodes, visible_rows

pytestmark = pytest.mark.django_db

NAMED = f"{__name__}.mine"


def mine(user):
    """Workflows of the categories that are named after the user."""
    return Q(categories__title__startswith=user.username)


def nonsense(user):
    return "all"


@pytest.fixture
def workflows():
    first, second = Category.objects.create(title="ann 1"), Category.objects.create(title="ann 2")
    found = [spare(title="hers"), spare(title="older", current=None), spare(title="other")]
    found[0].categories.set([first, second])
    Workflow.objects.filter(pk=found[1].pk).update(key=found[0].key, version=2)
    for workflow in Workflow.objects.all():
        Node.objects.create(workflow=workflow, type="t-plain", title=workflow.title)
    return {workflow.title: workflow for workflow in found}


@pytest.fixture
def ann():
    return get_user_model().objects.create(username="ann")


def seen(user):
    versions = visible(Workflow.objects.all(), user)
    nodes = visible_rows(Node.objects.all(), user, key="workflow__key")
    return sorted(row.title for row in versions), sorted(row.title for row in nodes)


def test_without_a_rule_all_are_seen(workflows, ann):
    everything = ["hers", "older", "other"]
    assert seen(ann) == (everything, everything)
    assert may_see(workflows["other"], ann)


def test_a_rule_narrows_versions_and_the_rows_of_their_key(settings, workflows, ann):
    settings.SLUICE = {"VISIBLE": NAMED}
    # Once, though two categories fit.
    assert seen(ann) == (["hers"], ["hers", "older"])
    assert may_see(workflows["hers"], ann)
    assert not may_see(workflows["other"], ann)


def test_a_superuser_sees_all(settings, workflows, ann):
    settings.SLUICE = {"VISIBLE": NAMED}
    ann.is_superuser = True
    assert len(seen(ann)[0]) == 3


@pytest.mark.parametrize("superuser", [False, True])
def test_a_limit_narrows_further(settings, workflows, ann, superuser):
    ann.is_superuser = superuser
    limit(ann, [workflows["hers"].key])
    assert seen(ann) == (["hers", "older"], ["hers", "older"])
    assert [row.title for row in visible_nodes(Node.objects.order_by("title"), ann)] == ["hers", "older"]
    assert narrowed(ann)
    assert [may_see(workflows[name], ann) for name in ("hers", "other")] == [True, False]
    settings.SLUICE = {"VISIBLE": NAMED}
    assert seen(ann)[0] == (["hers", "older"] if superuser else ["hers"])
    limit(ann, [workflows["other"].key])
    assert seen(ann)[0] == (["other"] if superuser else [])


def test_one_query(settings, workflows, ann, django_assert_num_queries):
    settings.SLUICE = {"VISIBLE": NAMED}
    with django_assert_num_queries(1):
        list(visible_rows(Node.objects.all(), ann, key="workflow__key"))


def test_a_rule_that_is_none_is_no_silent_permission(settings, workflows, ann):
    settings.SLUICE = {"VISIBLE": f"{__name__}.nonsense"}
    with pytest.raises(TypeError, match="must answer a Q"):
        seen(ann)
