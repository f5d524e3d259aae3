"""Access keys in the admin: made, shown once, looked at, revoked and deleted; one's own, or a superuser's all."""

import re
from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.contrib.sessions.models import Session
from django.db.models import Q
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from executions import accesskeys
from executions.models import AccessKey
from tests.building import build
from tests.pages import words
from tests.people import person
from workflows.models import HistoryEntry

pytestmark = pytest.mark.django_db

LIST, ADD, PAGE = "executions_accesskey_changelist", "executions_accesskey_add", "executions_accesskey_change"
REVOKE, DELETE, HISTORY = "executions_accesskey_revoke", "executions_accesskey_delete", "executions_accesskey_history"
MINE = ("executions.view_accesskey", "executions.add_accesskey", "executions.delete_accesskey")


def rule(user):
    return Q() if user.is_superuser else Q(title__startswith="Shown")


def made_by(page, status=200, **values):
    """Fills in the form and sends it; what the page that answers shows by name."""
    form = page.get(ADD)
    once = re.search(r'name="once" value="(\w+)"', form)[1]
    page.post(ADD, status=status, **{"once": once, **values})
    return dict(re.findall(r'<dt>(\w+)</dt><dd><code class="sluice-copy">([^<]+)<', page.answer.content.decode()))


def own_key(page, **limits):
    user = get_user_model().objects.get(username="someone")
    return accesskeys.create(user, by=user, **limits)


class TestMade:
    def test_the_four_values_are_shown_once(self, pages):
        page = pages(*MINE)
        found = made_by(page, name="Reports")
        assert list(found) == ["access_key_id", "access_key_secret", "api_key", "project_id"]
        key = AccessKey.objects.get()
        assert (key.name, key.user.username, key.created_by.username) == ("Reports", "someone", "someone")
        assert accesskeys.secret_of(key) == found["access_key_secret"]
        assert accesskeys.find_bearer(found["api_key"], "iflyrpa") == key
        assert "no-store" in page.answer["Cache-Control"]
        told = [page.get(each, *args) for each, args in
                ((LIST, ()), (PAGE, [key.pk]), (HISTORY, [key.pk]), (ADD, ()), ("index", ()))]  # fmt: skip
        kept = [*LogEntry.objects.values(), *HistoryEntry.objects.values(), *AccessKey.objects.values()]
        told += [str(kept), *(str(each.get_decoded()) for each in Session.objects.all())]
        for secret in (found["access_key_secret"], found["api_key"]):
            assert not [text for text in told if secret in text]
        assert key.access_key_id in told[0]
        assert key.project_id in told[1]

    def test_a_reload_makes_no_second_key(self, pages):
        page = pages(*MINE)
        found = made_by(page, name="Reports", once="the form's own")
        said = page.errors(ADD, name="Reports", once="the form's own")
        assert found["access_key_id"] in said
        assert found["access_key_secret"] not in page.answer.content.decode()
        assert AccessKey.objects.count() == 1
        assert "required" in page.errors(ADD, name="Reports")

    def test_with_limits(self, pages):
        one, _two = build([], title="One", name="one"), build([], title="Two")
        page = pages()
        made_by(page, person="boss", name="", dialects=["iflyrpa"], workflows=[one.key],
                expires_at_0="2999-01-31", expires_at_1="12:00")  # fmt: skip
        key = AccessKey.objects.get()
        assert (key.dialects, key.workflows) == (["iflyrpa"], [one.key])
        assert timezone.localtime(key.expires_at).isoformat()[:16] == "2999-01-31T12:00"
        text = words(page.get(PAGE, key.pk))
        for told in ("Active", "iFlyRPA", "One", "(boss)", "2999-01-31 12:00:00"):
            assert told in text
        assert "curl" in text
        assert "huaweicloud" not in text

    @pytest.mark.parametrize(
        ("dialects", "values"),
        [
            ([], {"access_key_id", "access_key_secret", "api_key", "project_id"}),
            (["cloudflow"], {"access_key_id", "access_key_secret"}),
            (["functiongraph"], {"access_key_id", "access_key_secret", "project_id"}),
            (["iflyrpa"], {"api_key"}),
            (["cloudflow", "iflyrpa"], {"access_key_id", "access_key_secret", "api_key"}),
        ],
    )
    def test_what_the_interfaces_of_the_key_need_is_shown(self, pages, dialects, values):
        page = pages(*MINE)
        assert set(made_by(page, dialects=dialects)) == values
        made = words(page.answer.content.decode())
        looked_at = words(page.get(PAGE, AccessKey.objects.get().pk))
        takers = {"cloudflow": "CloudFlow", "functiongraph": "FunctionGraph", "iflyrpa": "iFlyRPA"}
        for dialect, label in takers.items():
            assert (label in made) is (not dialects or dialect in dialects)
        assert ("Project id" in looked_at) is ("project_id" in values)

    def test_for_somebody_else_by_a_superuser_alone(self, pages):
        person(username="mia")
        made_by(pages(), person="mia")
        assert AccessKey.objects.get().user.username == "mia"
        page = pages(*MINE)
        assert 'name="person"' not in page.get(ADD)
        made_by(page, person="mia")
        assert AccessKey.objects.latest("id").user.username == "someone"

    @pytest.mark.parametrize(
        ("given", "said"),
        [
            ({"person": "nobody"}, "no active user 'nobody'"),
            ({"person": ""}, "required"),
            ({"person": "gone"}, "no active user 'gone'"),
            ({"name": "x" * 81}, "at most 80"),
            ({"dialects": ["gopher"]}, "not one of the available choices"),
            ({"workflows": ["gone"]}, "not one of the available choices"),
            ({"expires_at_0": "2020-01-01", "expires_at_1": "00:00"}, "is past"),
            ({"expires_at_0": "soon", "expires_at_1": ""}, "valid date"),
        ],
    )
    def test_what_is_wrong_stands_at_its_field(self, pages, given, said):
        person(username="gone")
        get_user_model().objects.filter(username="gone").update(is_active=False)
        assert said in pages().errors(ADD, **{"person": "boss", "once": "x", **given})
        assert not AccessKey.objects.exists()

    def test_workflows_that_one_may_see_are_offered(self, pages, settings):
        settings.SLUICE = {**settings.SLUICE, "VISIBLE": f"{__name__}.rule"}
        shown, concealed = build([], title="Shown"), build([], title="Concealed")
        page = pages(*MINE)
        form = page.get(ADD)
        assert f'value="{shown.key}"' in form
        assert concealed.key not in form
        assert "not one of" in page.errors(ADD, once="x", workflows=[concealed.key])

    def test_no_key_without_the_token_of_the_form(self):
        http = Client(enforce_csrf_checks=True)
        http.force_login(person(*MINE))
        assert http.post(reverse(f"admin:{ADD}"), {"once": "x"}).status_code == 403
        assert not AccessKey.objects.exists()


class TestLookedAt:
    def test_one_sees_ones_own_and_a_superuser_all(self, pages):
        other = accesskeys.create(person(username="mia"), name="Mia's")
        page = pages(*MINE)
        own = own_key(page, name="Own")
        text = page.get(LIST)
        assert own.row.access_key_id in text
        assert other.row.access_key_id not in text
        assert other.row.access_key_id not in page.get(LIST, query="?q=mia")
        text = pages().get(LIST)
        assert own.row.access_key_id in text
        assert other.row.access_key_id in text

    @pytest.mark.parametrize("name", [PAGE, DELETE, HISTORY])
    def test_anothers_is_not_there(self, pages, name):
        other = accesskeys.create(person(username="mia"))
        AccessKey.objects.update(expires_at=timezone.now())
        page = pages(*MINE)
        page.get(name, other.row.pk, status=302)
        assert page.answer["Location"] == "/admin/"

    def test_anothers_is_neither_revoked_nor_deleted(self, pages):
        other = accesskeys.create(person(username="mia"))
        AccessKey.objects.update(expires_at=timezone.now())
        page = pages(*MINE)
        page.post(DELETE, other.row.pk, post="yes")
        page.get(REVOKE, other.row.pk, status=404)
        page.post(REVOKE, other.row.pk, status=404)
        for action in ("revoke_selected", "delete_selected"):
            page.post(LIST, action=action, _selected_action=[other.row.pk], confirmed="yes")
        assert AccessKey.objects.get().revoked_at is None

    @pytest.mark.parametrize("pk", ["abc", "9" * 30, "0", "-1"])
    def test_an_id_that_is_none_leads_nowhere(self, pages, pk):
        pages().get(PAGE, pk, status=302)

    def test_nothing_without_a_permission(self, pages):
        page = pages("executions.view_execution")
        key = own_key(page)
        for name, args in ((LIST, ()), (ADD, ()), (REVOKE, [key.row.pk])):
            page.get(name, *args, status=403)
        assert "accesskey" not in page.get("index")

    def test_who_may_only_look_makes_none(self, pages):
        page = pages("executions.view_accesskey")
        page.get(ADD, status=403)
        page.post(ADD, status=403, once="x")
        assert not AccessKey.objects.exists()

    def test_who_makes_them_may_look_at_and_revoke_their_own(self, pages):
        page = pages("executions.add_accesskey")
        key = own_key(page)
        assert key.row.access_key_id in page.get(LIST)
        page.post(REVOKE, key.row.pk)
        assert AccessKey.objects.get().revoked_at is not None

    @pytest.mark.parametrize(
        ("columns", "state"),
        [
            ({}, "active"),
            ({"expires_at": timedelta()}, "expired"),
            ({"revoked_at": timedelta()}, "revoked"),
            ({"user_id": 987_654}, "idle"),
        ],
    )
    def test_found_by_state(self, pages, columns, state):
        keys = [accesskeys.create(person(username=name)).row for name in ("mia", "ben")]
        now = timezone.now()
        values = {name: now + each if isinstance(each, timedelta) else each for name, each in columns.items()}
        AccessKey.objects.filter(pk=keys[0].pk).update(**values)
        if state == "active":
            get_user_model().objects.filter(username="ben").update(is_active=False)
        text = pages().get(LIST, query=f"?state={state}")
        assert [key.access_key_id in text for key in keys] == [True, False]

    # With a hyphen: of letters alone some stand in a random id by chance.
    @pytest.mark.parametrize("text", ["Repor", "{id}", "mia-c"])
    def test_found_by_name_id_and_user(self, pages, text):
        key = accesskeys.create(person(username="mia-cee"), name="Reports").row
        other = accesskeys.create(person(username="ben")).row
        listed = pages().get(LIST, query=f"?q={text.format(id=key.access_key_id)}")
        assert key.access_key_id in listed
        assert other.access_key_id not in listed

    def test_its_user_and_its_workflows_may_be_gone(self, pages):
        workflow = build([], title="Daily")
        mia = person(username="mia")
        key = accesskeys.create(mia, by=mia, workflows=[workflow.key]).row
        pk, page = mia.pk, pages()
        mia.delete()
        workflow.delete()
        for text in (words(page.get(LIST)), words(page.get(PAGE, key.pk))):
            assert f"deleted user {pk}" in text
            assert f"deleted workflow {workflow.key}" in text
            assert "User not active" in text

    def test_what_one_may_not_see_any_more_is_counted(self, pages, settings):
        shown, other = build([], title="Shown"), build([], title="Other")
        page = pages(*MINE)
        key = own_key(page, workflows=[shown.key, other.key]).row
        settings.SLUICE = {**settings.SLUICE, "VISIBLE": f"{__name__}.rule"}
        for text in (page.get(LIST), page.get(PAGE, key.pk)):
            assert "1 that you don&#x27;t see" in text
            assert "Other" not in text

    def test_examples_name_a_workflow_that_its_user_may_see(self, pages, settings):
        settings.SLUICE = {**settings.SLUICE, "VISIBLE": f"{__name__}.rule"}
        build([], title="Concealed", name="a")
        build([], title="Shown off", name="b", enabled=False)
        build([], title="Shown without a name")
        last, first = build([], title="Shown last", name="d"), build([], title="Shown first", name="c")
        page = pages(*MINE)
        for limits, found in ([], first), ([last.key], last):
            made_by(page, workflows=limits)
            made = page.answer.content.decode()
            for text in (made, page.get(PAGE, AccessKey.objects.latest("id").pk)):
                assert (
                    f'print(Client(config).list_executions(models.ListExecutionsRequest(flow_name="{found.name}"'
                    in text
                )
                assert (
                    f'print(client.list_workflow_executions(ListWorkflowExecutionsRequest(workflow_id="{found.key}"'
                    in text
                )
                assert '="..."' not in text
        # A superuser who looks at another's sees what that other can name.
        assert f'flow_name="{last.name}"' in pages().get(PAGE, AccessKey.objects.latest("id").pk)

    def test_where_there_is_no_workflow_examples_leave_its_place(self, pages):
        page = pages(*MINE)
        key = own_key(page).row
        assert 'flow_name="..."' in page.get(PAGE, key.pk)
        build([], title="Without a name")
        text = page.get(PAGE, key.pk)
        assert 'flow_name="..."' in text
        assert 'workflow_id="..."' not in text

    def test_the_list_tells_when_they_expire(self, pages):
        page = pages(*MINE)
        moment = timezone.now() + timedelta(days=400)
        own_key(page, name="Some day", expires_at=moment)
        listed = page.get(LIST)
        assert f"{timezone.localtime(moment):%Y-%m-%d %H:%M}" in words(listed)
        own_key(page, name="At no time")
        AccessKey.objects.update(last_used_at=timezone.now())
        assert words(page.get(LIST)).count("never") == 1

    def test_many_workflows_are_told_in_few_words(self, pages):
        for number in range(5):
            build([], title=f"W{number}", name=f"w{number}")
        page = pages(*MINE)
        own_key(page, workflows=[f"w{number}" for number in range(5)])
        assert "W0, W1, W2 and 2 more" in words(page.get(LIST))

    def test_the_last_use_is_told_to_the_minute(self, pages):
        page = pages(*MINE)
        key = own_key(page).row
        assert "never" in words(page.get(LIST))
        used = timezone.now() - timedelta(days=400)
        AccessKey.objects.update(last_used_at=used)
        for text in (words(page.get(LIST)), words(page.get(PAGE, key.pk))):
            assert f"{timezone.localtime(used):%Y-%m-%d %H:%M} " in text

    def test_one_that_no_key_opens_is_said_to_be(self, pages, settings):
        key = accesskeys.create(person(username="mia")).row
        settings.SLUICE = {"SECRET_KEYS": ["another key of thirty-two characters"]}
        assert "can't be opened with the keys in force" in words(pages().get(PAGE, key.pk))

    def test_it_is_never_changed(self, pages):
        page = pages()
        key = accesskeys.create(person(username="mia"), name="Reports").row
        page.post(PAGE, key.pk, status=403, name="Other")
        assert AccessKey.objects.get().name == "Reports"

    def test_the_list_costs_the_same_for_one_and_for_many(self, pages, django_assert_max_num_queries):
        for number in range(10):
            workflow = build([], title=f"W{number}")
            accesskeys.create(person(username=f"u{number}"), workflows=[workflow.key])
        page = pages()
        page.get(LIST)
        with django_assert_max_num_queries(7):
            page.get(LIST)


class TestEnded:
    def test_revoked_with_a_reason(self, pages):
        page = pages(*MINE)
        key = own_key(page, name="Reports").row
        assert "How programs use it" in page.get(PAGE, key.pk)
        asked = page.get(REVOKE, key.pk)
        assert f"Revoke {key}</h1>" in asked
        assert "There is no way back" in asked
        assert AccessKey.objects.get().revoked_at is None
        assert page.post(REVOKE, key.pk, reason="Lost") == [f"Revoked: {key}."]
        text = words(page.get(PAGE, key.pk))
        assert "Revoked" in text
        assert "How programs use it" not in text
        assert reverse(f"admin:{REVOKE}", args=[key.pk]) not in page.answer.content.decode()
        assert "Lost" in words(page.get(HISTORY, key.pk))
        log = words(pages().get("workflows_historyentry_changelist", query="?action=access_key.revoke"))
        assert "Access key: Revoked" in log

    def test_several_at_once_after_a_question(self, pages):
        rows = [accesskeys.create(person(username=name)).row for name in ("mia", "ben", "eve")]
        accesskeys.revoke(rows[2])
        page, ids = pages(), [row.pk for row in rows]
        page.post(LIST, status=200, action="revoke_selected", _selected_action=ids)
        asked = words(page.answer.content.decode())
        assert rows[0].access_key_id in asked
        assert rows[2].access_key_id not in asked
        assert AccessKey.objects.filter(revoked_at=None).count() == 2
        said = page.post(LIST, action="revoke_selected", _selected_action=ids, confirmed="yes", reason="A leak")
        assert said == ["Revoked 2 access keys."]
        assert HistoryEntry.objects.filter(action="access_key.revoke", reason="A leak").count() == 2
        assert page.post(LIST, action="revoke_selected", _selected_action=ids)[-1] == "Revoked 0 access keys."

    def test_deleted_only_when_it_has_ended(self, pages):
        page = pages(*MINE)
        key = own_key(page).row
        page.get(DELETE, key.pk, status=403)
        page.post(DELETE, key.pk, status=403, post="yes")
        assert reverse(f"admin:{DELETE}", args=[key.pk]) not in page.get(PAGE, key.pk)
        accesskeys.revoke(key)
        assert reverse(f"admin:{DELETE}", args=[key.pk]) in page.get(PAGE, key.pk)
        page.post(DELETE, key.pk, post="yes")
        assert not AccessKey.objects.exists()
        assert HistoryEntry.objects.latest("id").action == "access_key.delete"

    def test_of_several_those_that_have_ended(self, pages):
        rows = [accesskeys.create(person(username=name)).row for name in ("mia", "ben")]
        accesskeys.revoke(rows[0])
        page, ids = pages(), [row.pk for row in rows]
        page.post(LIST, status=200, action="delete_selected", _selected_action=ids)
        said = page.post(LIST, action="delete_selected", _selected_action=ids, confirmed="yes")
        assert said == [f"The access key {rows[1]} has not ended; revoke it first.", "Deleted 1 access key."]
        assert list(AccessKey.objects.all()) == [rows[1]]

    def test_deleting_asks_for_its_permission(self, pages):
        page = pages("executions.view_accesskey", "executions.add_accesskey")
        key = own_key(page).row
        accesskeys.revoke(key)
        page.get(DELETE, key.pk, status=403)
        assert "delete_selected" not in page.get(LIST)
