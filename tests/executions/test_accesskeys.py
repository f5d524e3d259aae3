"""Access keys: what a request brings finds its key while it opens something, and the secrets are told once."""

import json
from datetime import datetime, timedelta
from io import StringIO

import pytest
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models import Q
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.views.debug import ExceptionReporter

from executions import accesskeys
from executions.accesskeys import State
from executions.dialects.clouds.caller import Caller
from executions.dialects.clouds.signing import signer
from executions.models import AccessKey
from tests.building import build
from tests.executions.rows import run
from tests.people import boss, person
from workflows import secrets
from workflows.errors import Forbidden, Invalid, NotFound, Refused
from workflows.models import HistoryEntry

pytestmark = [pytest.mark.django_db, pytest.mark.once]

OLD, NEW = "the old key of thirty-two characters!", "the new key of thirty-two characters!"


def rule(user):
    return Q(title__startswith="Shown")


@pytest.fixture
def mia():
    return person("executions.view_execution", username="mia")


@pytest.fixture
def made(mia):
    return accesskeys.create(mia, name="Reports", by=mia)


def opened(made, dialect="cloudflow"):
    """Whether the pair and the bearer key each find their row."""
    bearer = accesskeys.find_bearer(made.api_key, dialect) is not None
    pair = accesskeys.find(made.row.access_key_id, dialect) is not None
    assert pair == bearer
    return pair


def shift(made, **columns):
    AccessKey.objects.filter(pk=made.row.pk).update(**columns)


class TestMade:
    def test_the_row_has_neither_secret(self, made):
        kept = str(AccessKey.objects.values().get())
        for told in (made.secret, made.api_key):
            assert told not in kept
            assert told not in repr(made)
            assert told not in str(HistoryEntry.objects.values().get())
        assert accesskeys.secret_of(AccessKey.objects.get()) == made.secret
        assert made.row.access_key_id in str(made.row)

    def test_no_two_are_alike(self, mia, made):
        other = accesskeys.create(mia)
        for name in ("access_key_id", "project_id", "api_key_hash", "sealed"):
            assert getattr(other.row, name) != getattr(made.row, name)
        assert (other.secret, other.api_key) != (made.secret, made.api_key)

    def test_its_forms_are_the_vendors(self, made):
        row = made.row
        assert (len(row.access_key_id), row.access_key_id[:2], row.access_key_id.isalnum()) == (24, "AK", True)
        assert (len(row.project_id), set(row.project_id) <= set("0123456789abcdef")) == (32, True)
        assert made.api_key.startswith("sk-")

    def test_the_history_has_who_made_it_for_whom_and_how_far_it_reaches(self, made):
        entry = HistoryEntry.objects.get()
        assert (entry.action, entry.object_kind, entry.actor_name) == ("access_key.create", "access_key", "mia")
        assert entry.changes == {"user": [None, "mia"], "dialects": [None, []], "workflows": [None, 0]}

    def test_a_report_of_an_error_has_no_secret(self, mia, monkeypatch, rf, settings):
        chosen, random = {}, accesskeys._random
        monkeypatch.setattr(accesskeys, "_random", lambda length: chosen.setdefault(length, random(length)))
        monkeypatch.setattr(accesskeys.history, "record", lambda *args, **kwargs: 1 / 0)
        settings.DEBUG = False
        with pytest.raises(ZeroDivisionError) as raised:
            accesskeys.create(mia)
        # From the frame behind this one, which has them too.
        page = ExceptionReporter(rf.get("/"), raised.type, raised.value, raised.tb.tb_next).get_traceback_html()
        # A check of the check: other variables are there.
        assert chosen[22] in page
        assert [chosen[length] in page for length in (40, 48)] == [False, False]

    @pytest.mark.parametrize(
        ("limits", "field", "said"),
        [
            ({"name": "x" * 81}, "name", "at most 80"),
            ({"name": "a\x00b"}, "name", "without NUL"),
            ({"dialects": ["cloudflow", "gopher"]}, "dialects", "'gopher'; there are cloudflow, functiongraph"),
            ({"workflows": ["nobody"]}, "workflows", "no workflow 'nobody'"),
            ({"workflows": ["x"] * 201}, "workflows", "200 is the most"),
            ({"expires_at": datetime(2020, 1, 1, tzinfo=timezone.get_default_timezone())}, "expires_at", "is past"),
        ],
    )
    def test_what_is_wrong_is_said_by_field(self, mia, limits, field, said):
        with pytest.raises(Invalid, match=said) as raised:
            accesskeys.create(mia, **limits)
        assert raised.value.field == field
        assert not AccessKey.objects.exists()

    def test_none_for_a_user_who_is_not_active(self, mia):
        mia.is_active = False
        with pytest.raises(Invalid, match="not active"):
            accesskeys.create(mia)

    def test_for_others_by_a_superuser_alone(self, mia):
        with pytest.raises(Forbidden, match="Only a superuser"):
            accesskeys.create(mia, by=person(username="ben"))
        assert accesskeys.create(mia, by=boss()).row.created_by.username == "boss"

    def test_not_for_a_workflow_that_its_user_may_not_see(self, mia, settings):
        build([], title="Concealed", name="concealed")
        settings.SLUICE = {**settings.SLUICE, "VISIBLE": f"{__name__}.rule"}
        with pytest.raises(Invalid, match="may see"):
            accesskeys.create(mia, workflows=["concealed"])

    def test_one_form_makes_one_key(self, mia, made):
        first = accesskeys.create(mia, name="Once", by=mia, once="the form's own")
        with pytest.raises(Refused, match=f"made the key Once .{first.row.access_key_id}."):
            accesskeys.create(mia, name="Twice", by=mia, once="the form's own")
        assert AccessKey.objects.count() == 2
        ben = person(username="ben")
        assert accesskeys.create(ben, by=ben, once="the form's own").row.project_id != first.row.project_id


class TestFound:
    @pytest.mark.parametrize(
        ("columns", "state"),
        [
            ({}, State.ACTIVE),
            ({"expires_at": timedelta(minutes=1)}, State.ACTIVE),
            ({"expires_at": timedelta()}, State.EXPIRED),
            ({"revoked_at": timedelta()}, State.REVOKED),
            ({"revoked_at": timedelta(), "expires_at": timedelta()}, State.REVOKED),
            ({"user_id": 987_654}, State.IDLE),
            ({"user_id": None}, State.IDLE),
        ],
    )
    def test_only_while_it_is_active(self, made, columns, state):
        assert opened(made)
        now = timezone.now()
        shift(made, **{name: now + each if isinstance(each, timedelta) else each for name, each in columns.items()})
        assert opened(made) == (state == State.ACTIVE)
        rows = AccessKey.objects.all()
        assert accesskeys.state_of(rows.get()) == accesskeys.state_of(rows.select_related("user").get()) == state
        assert [each for each in State if accesskeys.in_state(rows, each).exists()] == [state]

    def test_not_of_a_user_who_lost_it(self, mia, made):
        mia.is_active = False
        mia.save()
        assert not opened(made)
        assert accesskeys.state_of(AccessKey.objects.get()) == State.IDLE
        mia.is_active = True
        mia.save()
        assert opened(made)
        mia.delete()
        assert not opened(made)

    def test_where_it_is_for(self, mia):
        made = accesskeys.create(mia, dialects=["iflyrpa", "cloudflow", "iflyrpa"])
        assert made.row.dialects == ["cloudflow", "iflyrpa"]
        assert [opened(made, each) for each in ("cloudflow", "functiongraph", "iflyrpa")] == [True, False, True]

    def test_by_exactly_what_it_is(self, made):
        for wrong in ("", made.api_key.lower(), made.api_key[:-1], f"{made.api_key} ", "sk-\udce9", made.secret):
            assert accesskeys.find_bearer(wrong, "iflyrpa") is None
        right = made.row.access_key_id
        for wrong in ("", right.lower(), f"{right} ", f"{right}\x00", "AK\udce9", "AKé", made.row.project_id):
            assert accesskeys.find(wrong, "cloudflow") is None

    def test_what_it_opens_is_its_users_and_less(self, mia):
        one, two = build([], title="One", name="one"), build([], title="Two", name="two")
        kept, other = run(one), run(two)
        made = accesskeys.create(mia, workflows=["one"])
        caller = Caller(accesskeys.find(made.row.access_key_id, "cloudflow"))
        assert list(caller.runs()) == [kept]
        assert list(caller.flows()) == [one]
        assert caller.may("executions.view_execution")
        assert not caller.may("executions.cancel_execution")
        free = Caller(accesskeys.find(accesskeys.create(mia).row.access_key_id, "cloudflow"))
        assert set(free.runs()) == {kept, other}

    def test_its_use_is_noted_once_a_minute(self, made):
        row = accesskeys.find(made.row.access_key_id, "cloudflow")
        accesskeys.note_use(row)
        first = AccessKey.objects.get().last_used_at
        assert first is not None
        for _again in range(2):
            row = accesskeys.find(made.row.access_key_id, "cloudflow")
            with CaptureQueriesContext(connection) as asked:
                accesskeys.note_use(row)
            assert not asked.captured_queries
        shift(made, last_used_at=first - timedelta(seconds=61))
        accesskeys.note_use(accesskeys.find(made.row.access_key_id, "cloudflow"))
        assert AccessKey.objects.get().last_used_at >= first


class TestSigner:
    def test_nobodys_secret_for_an_id_that_is_none(self, made):
        known, unknown = signer(made.row.access_key_id, "cloudflow"), signer("AKnone", "cloudflow")
        assert (known.secret, known.key) == (made.secret, made.row)
        assert unknown.key is None
        assert len(unknown.secret) == len(known.secret)
        assert made.secret not in repr(known)

    def test_an_id_that_is_none_costs_what_a_true_one_does(self, made, settings, monkeypatch):
        opened = []
        monkeypatch.setattr(accesskeys.sealing, "unseal", lambda row: opened.append(row) or "secret")
        costs = []
        for each in (made.row.access_key_id, "AKnone"):
            with CaptureQueriesContext(connection) as asked:
                signer(each, "cloudflow")
            costs.append((len(asked), len(opened)))
        assert costs == [(2, 1), (2, 2)]
        monkeypatch.undo()
        # Nor is it told by keys of secrets that were changed meanwhile.
        settings.SLUICE = {"SECRET_KEYS": [NEW]}
        assert signer("AKnone", "cloudflow").key is None

    def test_a_secret_that_no_key_opens_is_a_refusal(self, made, settings):
        settings.SLUICE = {"SECRET_KEYS": [NEW]}
        with pytest.raises(Forbidden, match=f"{made.row.access_key_id} can't be opened any more"):
            signer(made.row.access_key_id, "cloudflow")
        # The bearer key asks for no secret.
        assert accesskeys.find_bearer(made.api_key, "iflyrpa") == made.row


class TestEnded:
    def test_revoked_while_in_use(self, mia, made):
        row = accesskeys.find(made.row.access_key_id, "cloudflow")
        revoked = accesskeys.revoke(row, by=mia, reason="Lost")
        assert not opened(made)
        # Nor is the secret kept.
        assert accesskeys.secret_of(revoked) != made.secret
        first = revoked.revoked_at
        assert accesskeys.revoke(row, by=mia).revoked_at == first
        entries = HistoryEntry.objects.filter(action="access_key.revoke")
        assert [(entry.reason, entry.title) for entry in entries] == [("Lost", str(made.row))]

    def test_deleted_only_when_it_has_ended(self, mia, made):
        with pytest.raises(Refused, match="has not ended; revoke it first"):
            accesskeys.delete(made.row, by=mia)
        accesskeys.revoke(made.row, by=mia)
        accesskeys.delete(made.row, by=mia, reason="Tidy")
        newest = HistoryEntry.objects.latest("id")
        assert (newest.action, newest.reason) == ("access_key.delete", "Tidy")
        for operate in (accesskeys.delete, accesskeys.revoke):
            with pytest.raises(NotFound, match="was deleted"):
                operate(made.row, by=mia)

    def test_an_expired_one_may_be_deleted(self, made):
        shift(made, expires_at=timezone.now())
        accesskeys.delete(made.row)
        assert not AccessKey.objects.exists()


class TestRotation:
    @pytest.fixture
    def kept_with_the_old_key(self, mia, settings):
        settings.SLUICE = {"SECRET_KEYS": [OLD]}
        return accesskeys.create(mia, name="Reports")

    def test_keys_are_encrypted_anew_like_secrets(self, kept_with_the_old_key, settings):
        secrets.create("TOKEN", "hush-hush")
        settings.SLUICE = {"SECRET_KEYS": [NEW, OLD]}
        out = StringIO()
        call_command("sluice_rotate_secrets", stdout=out)
        assert out.getvalue() == "2 encrypted with the first key.\n"
        settings.SLUICE = {"SECRET_KEYS": [NEW]}
        assert accesskeys.secret_of(AccessKey.objects.get()) == kept_with_the_old_key.secret

    def test_one_that_no_key_opens_is_named_until_it_is_revoked(self, kept_with_the_old_key, settings):
        settings.SLUICE = {"SECRET_KEYS": [NEW]}
        named = str(kept_with_the_old_key.row)
        assert secrets.unopenable() == [named]
        with pytest.raises(CommandError, match="No key opens Reports .AK.*make other access keys"):
            call_command("sluice_rotate_secrets", stdout=StringIO())
        accesskeys.revoke(kept_with_the_old_key.row)
        assert secrets.unopenable() == []


def said(command, *arguments):
    out = StringIO()
    call_command(command, *arguments, stdout=out)
    return out.getvalue()


class TestCommands:
    def test_json_is_all_that_is_printed(self, mia):
        found = json.loads(said("create_access_key", "mia", "--json"))
        assert list(found) == ["access_key_id", "access_key_secret", "api_key", "project_id"]
        row = accesskeys.find(found["access_key_id"], "cloudflow")
        assert row == accesskeys.find_bearer(found["api_key"], "iflyrpa")
        assert (row.user, row.project_id) == (mia, found["project_id"])
        assert accesskeys.secret_of(row) == found["access_key_secret"]
        assert HistoryEntry.objects.get().origin == "command"

    def test_with_limits_in_words(self, mia):
        workflow = build([], title="Daily", name="daily")
        text = said(
            "create_access_key", "mia", "--name", "Reports", "--dialect", "iflyrpa", "--dialect", "cloudflow",
            "--workflow", "daily", "--expires", "90",
        )  # fmt: skip
        row = AccessKey.objects.get()
        assert (row.name, row.dialects, row.workflows) == ("Reports", ["cloudflow", "iflyrpa"], [workflow.key])
        assert abs(row.expires_at - timezone.now() - timedelta(days=90)) < timedelta(minutes=1)
        assert f"access_key_secret  {accesskeys.secret_of(row)}" in text
        assert "are shown this once" in text
        assert "It expires at" in text

    @pytest.mark.parametrize(
        ("when", "moment"),
        [
            ("2999-01-31", datetime(2999, 1, 31)),
            ("2999-01-31T12:30", datetime(2999, 1, 31, 12, 30)),
            ("2999-01-31 12:30", datetime(2999, 1, 31, 12, 30)),
        ],
    )
    def test_when_it_expires(self, mia, when, moment):
        said("create_access_key", "mia", "--expires", when)
        assert AccessKey.objects.get().expires_at == timezone.make_aware(moment)

    @pytest.mark.parametrize(
        ("arguments", "sentence"),
        [
            (["nobody"], "There is no user 'nobody'"),
            (["mia", "--dialect", "gopher"], "invalid choice: 'gopher'"),
            (["mia", "--workflow", "gone"], "There is no workflow 'gone'"),
            (["mia", "--name", "x" * 81], "at most 80"),
            (["mia", "--expires", "soon"], "'soon' is no moment"),
            (["mia", "--expires", "2027-02-30"], "is no moment"),
            (["mia", "--expires", "99999999999"], "is no moment"),
            (["mia", "--expires", "0"], "is past"),
            (["mia", "--expires", "2020-01-01"], "is past"),
            ([], "arguments are required: user"),
        ],
    )
    def test_what_can_not_be_meant_is_said(self, mia, arguments, sentence):
        with pytest.raises(CommandError, match=sentence):
            said("create_access_key", *arguments)
        assert not AccessKey.objects.exists()

    def test_not_for_a_user_who_is_not_active(self, mia):
        get_user_model().objects.update(is_active=False)
        with pytest.raises(CommandError, match="not active"):
            said("create_access_key", "mia", "--json")

    def test_revoking(self, made):
        named = made.row.access_key_id
        assert said("revoke_access_key", named, "--reason", "Lost") == f"Revoked: Reports ({named}).\n"
        entry = HistoryEntry.objects.latest("id")
        assert (entry.action, entry.origin, entry.reason) == ("access_key.revoke", "command", "Lost")
        assert not opened(made)
        assert said("revoke_access_key", named) == f"It was revoked before: Reports ({named}).\n"

    @pytest.mark.parametrize(
        ("arguments", "sentence"),
        [
            (["AKnone"], "There is no access key 'AKnone'"),
            (["AK\udce9"], "There is no access key"),
            ([], "arguments are required"),
        ],
    )
    def test_revoking_none_is_said(self, arguments, sentence):
        with pytest.raises(CommandError, match=sentence):
            said("revoke_access_key", *arguments)

    def test_a_reason_that_is_too_long_ends_nothing(self, made):
        with pytest.raises(CommandError, match="at most 2000"):
            said("revoke_access_key", made.row.access_key_id, "--reason", "x" * 2001)
        assert opened(made)
