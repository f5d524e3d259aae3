import pytest
from django.utils import timezone

from tests.workflows.kinds import plant, spare
from workflows import versions
from workflows.models import Category, Counter, Node, Workflow

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("registered")]


def ask(api, path, **headers):
    return api.http.get(f"/api/v1/{path}", headers={"accept": "application/json", **headers})


def tag_of(api, path):
    answer = ask(api, path)
    assert answer.status_code == 200
    assert answer["Cache-Control"] == "private, no-cache"
    return answer["ETag"]


@pytest.fixture
def workflow():
    workflow = spare(config={"every": 1})
    plant(workflow, "a B(0: c)")
    return workflow


PATHS = ["workflows/", "workflows/{w}/", "workflows/{w}/?fields=id,title", "nodes/{n}/"]


@pytest.mark.parametrize("path", PATHS)
def test_what_did_not_change_is_not_sent_again(client, workflow, path, monkeypatch):
    from workflows.api.base import RecordViewSet

    api = client()
    path = path.format(w=workflow.pk, n=Node.objects.first().pk)
    tag = tag_of(api, path)
    monkeypatch.setattr(RecordViewSet, "show", lambda *args, **kwargs: pytest.fail("It was serialised."))
    for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        answer = ask(api, path, **{"if-none-match": known})
        assert (answer.status_code, answer.content, answer["ETag"]) == (304, b"", tag)


def _change(workflow):
    versions.change_workflow(workflow, title="Other")


def _freeze(workflow):
    Workflow.objects.update(frozen_at=timezone.now())


def _count(workflow):
    Counter.objects.create(key=workflow.key, workflow=workflow, slot=1, executed=1)


def _delete_category(workflow):
    Category.objects.all().delete()


@pytest.mark.parametrize("change", [_change, _freeze, _count, _delete_category])
@pytest.mark.parametrize("path", ["workflows/", "workflows/{w}/"])
def test_whatever_is_shown_otherwise_has_another_tag(client, workflow, change, path):
    workflow.categories.add(Category.objects.create(title="c"))
    api, path = client(), path.format(w=workflow.pk)
    tag = tag_of(api, path)
    change(workflow)
    answer = ask(api, path, **{"if-none-match": tag})
    assert (answer.status_code, answer["ETag"] != tag) == (200, True)


def test_other_fields_another_page_and_another_person_have_other_tags(client, workflow):
    api, other = client(), client("workflows.view_workflow")
    spare(title="second")
    paths = ["workflows/", "workflows/?fields=id", "workflows/?page_size=1"]
    tags = [tag_of(api, path) for path in paths] + [tag_of(other, paths[0])]
    assert len(set(tags)) == 4


def test_a_page_for_people_has_none(client, workflow):
    answer = client().http.get(f"/api/v1/workflows/{workflow.pk}/", headers={"accept": "text/html"})
    assert answer.status_code == 200
    assert not answer.has_header("ETag")


CHANGES = [
    ("PATCH", "workflows/{w}/", {"title": "y"}, 200),
    ("PUT", "workflows/{w}/", {"title": "y"}, 200),
    ("DELETE", "workflows/{w}/", None, 204),
    ("POST", "workflows/{w}/enable/", {}, 200),
    ("POST", "workflows/{w}/disable/", {}, 200),
    ("PATCH", "nodes/{n}/", {"title": "y"}, 200),
    ("POST", "nodes/{n}/move/", {"upstream": None}, 200),
    ("DELETE", "nodes/{n}/", None, 204),
    ("DELETE", "nodes/{n}/branches/0/", None, 204),
]


@pytest.mark.parametrize(("method", "path", "body", "status"), CHANGES)
def test_only_what_was_read_is_changed(client, workflow, method, path, body, status):
    api, node = client(), Node.objects.get(title="B")
    path = path.format(w=workflow.pk, n=node.pk)
    # Read with other fields than are changed, and by another person: the state alone counts.
    read = path.split("/")[0] + f"/{path.split('/')[1]}/"
    tag = tag_of(api, f"{read}?fields=id")
    model, pk = (Workflow, workflow.pk) if path.startswith("w") else (Node, node.pk)
    before = model.objects.filter(pk=pk).values().get()
    model.objects.filter(pk=pk).update(updated_at=timezone.now())
    answer = api(method, path, body, status=412, **{"if-match": tag})
    assert answer["errors"][0]["code"] == "changed"
    api(method, path, body, status=412, **{"if-match": "rubbish"})
    after = model.objects.filter(pk=pk).values().get()
    assert {**after, "updated_at": None} == {**before, "updated_at": None}
    api(method, path, body, status=status, **{"if-match": f'"no-no", W/{tag_of(api, read)}'})


def test_any_state_will_do_where_the_caller_says_so(client, workflow):
    client()("PATCH", f"workflows/{workflow.pk}/", {"title": "y"}, **{"if-match": "*"})
    assert Workflow.objects.get().title == "y"


def test_a_refused_change_is_refused_as_without(client, workflow):
    api, path = client(), f"workflows/{workflow.pk}/"
    tag = tag_of(api, path)
    answer = api("PATCH", path, {"config": {"every": "x"}}, status=400, **{"if-match": tag})
    assert answer["errors"][0]["field"] == "config.every"
    assert Workflow.objects.get().config == {"every": 1}
