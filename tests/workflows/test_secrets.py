"""Secrets as they are kept: encrypted, by keys that may change, each change told without its value."""

from io import StringIO

import pytest
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import override_settings

from tests.people import boss
from workflows import checks, secrets
from workflows.env import Env, Masker, env_names
from workflows.errors import Invalid, NotFound, SluiceError
from workflows.models import HistoryEntry, Secret
from workflows.secrecy import MASK
from workflows.trying import try_node
from workflows.variables import in_scope

VALUE = "hunter2-Straße"
OLD, NEW = "an old key of thirty-two characters", "a newer key of thirty-two characters"


def rotate():
    out = StringIO()
    call_command("sluice_rotate_secrets", stdout=out)
    return out.getvalue()


def raw():
    """All columns of all secrets, as the database has them."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM workflows_secret")
        return str(cursor.fetchall())


@pytest.mark.django_db
class TestKept:
    def test_the_database_does_not_have_the_value(self):
        secret = secrets.create("TOKEN", VALUE)
        assert VALUE not in raw()
        assert "hunter2" not in raw()
        assert secrets.unseal(Secret.objects.get()) == VALUE
        assert str(secret) == "TOKEN"

    def test_the_same_value_looks_different_each_time(self):
        assert secrets.seal(VALUE) != secrets.seal(VALUE)

    @pytest.mark.parametrize("name", ["", "1A", "A-B", "A.B", "Ä", "A" * 65, "A\n", "A B", None, 7])
    def test_names_that_templates_can_not_say_are_refused(self, name):
        with pytest.raises(Invalid) as refused:
            secrets.create(name, VALUE)
        assert refused.value.field == "name"

    @pytest.mark.parametrize("value", ["", None, 7, "x\x00", "\ud800", "x" * 20_001])
    def test_values_that_are_no_text_are_refused(self, value):
        with pytest.raises(Invalid) as refused:
            secrets.create("A", value)
        assert refused.value.field == "value"

    def test_names_are_case_sensitive_and_unique(self):
        secrets.create("A", "1")
        secrets.create("a", "2")
        with pytest.raises(Invalid, match="Another secret") as refused:
            secrets.create("A", "3")
        assert refused.value.field == "name"
        assert secrets.unseal(Secret.objects.get(name="A")) == "1"
        assert secrets.unseal(Secret.objects.get(name="a")) == "2"

    def test_a_deleted_one_is_not_changed(self):
        secret = secrets.create("A", VALUE)
        secrets.delete(secret)
        secret.pk = 1
        with pytest.raises(NotFound, match="deleted"):
            secrets.change(secret, value="other")
        with pytest.raises(NotFound, match="deleted"):
            secrets.delete(secret)


@pytest.mark.django_db
def test_the_history_tells_who_and_never_what():
    by = boss()
    secret = secrets.create("TOKEN", VALUE, description="Shop", by=by)
    secrets.change(secret, value="other-value", by=by)
    secrets.change(secret, description="Store", by=by)
    secrets.change(secret, description="Store", by=by)
    secrets.delete(secret, by=by, reason="Not used")
    entries = HistoryEntry.objects.order_by("id")
    assert [(entry.action, entry.actor, entry.title, entry.object_kind) for entry in entries] == [
        ("secret.create", by, "TOKEN", "secret"),
        ("secret.change", by, "TOKEN", "secret"),
        ("secret.change", by, "TOKEN", "secret"),
        ("secret.delete", by, "TOKEN", "secret"),
    ]
    assert [entry.changes for entry in entries] == [
        {"description": [None, "Shop"], "value": [None, MASK]},
        {"value": [MASK, MASK]},
        {"description": ["Shop", "Store"]},
        {},
    ]
    rows = str(list(HistoryEntry.objects.values()))
    assert VALUE not in rows
    assert "other-value" not in rows


@pytest.mark.django_db
class TestKeys:
    def test_by_default_they_come_from_the_secret_key_and_its_fallbacks(self, settings):
        settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = OLD, []
        secret = secrets.create("TOKEN", VALUE)
        settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = NEW, [OLD]
        assert secrets.unseal(secret) == VALUE
        settings.SECRET_KEY_FALLBACKS = []
        assert not secrets.opens(secret)
        # A key of its own is used as SECRET_KEY is: so one can move from the one to the other.
        settings.SLUICE = {"SECRET_KEYS": [NEW, OLD]}
        assert secrets.unseal(secret) == VALUE

    def test_the_key_is_neither_the_secret_key_nor_a_plain_hash_of_it(self):
        with override_settings(SLUICE={"SECRET_KEYS": [OLD]}):
            one = secrets._box()._fernets[0]
        import base64
        import hashlib

        plain = Fernet(base64.urlsafe_b64encode(hashlib.sha256(OLD.encode()).digest()))
        assert one._encryption_key != plain._encryption_key

    def test_rotation_encrypts_with_the_first_key(self, settings):
        settings.SLUICE = {"SECRET_KEYS": [OLD]}
        secret = secrets.create("TOKEN", VALUE)
        before = Secret.objects.values("sealed", "updated_at", "updated_by").get()
        assert rotate().startswith("0 encrypted")
        settings.SLUICE = {"SECRET_KEYS": [NEW, OLD]}
        assert rotate().startswith("1 encrypted")
        after = Secret.objects.values("sealed", "updated_at", "updated_by").get()
        assert after["sealed"] != before["sealed"]
        assert {**after, "sealed": 0} == {**before, "sealed": 0}
        settings.SLUICE = {"SECRET_KEYS": [NEW]}
        secret.refresh_from_db()
        assert secrets.unseal(secret) == VALUE
        assert rotate().startswith("0 encrypted")

    def test_one_that_no_key_opens_is_named_and_holds_up_nobody(self, settings):
        settings.SLUICE = {"SECRET_KEYS": [OLD]}
        secrets.create("LOST", VALUE)
        settings.SLUICE = {"SECRET_KEYS": [NEW]}
        other = "a third key of thirty-two characters"
        secrets.create("KEPT", VALUE)
        settings.SLUICE = {"SECRET_KEYS": [other, NEW]}
        with pytest.raises(CommandError, match="No key opens LOST:"):
            rotate()
        settings.SLUICE = {"SECRET_KEYS": [other]}
        assert secrets.unseal(Secret.objects.get(name="KEPT")) == VALUE
        out = StringIO()
        call_command("sluice_rotate_secrets", "--list", stdout=out)
        assert out.getvalue().split() == ["LOST"]

    def test_a_damaged_one_is_one_that_no_key_opens(self):
        secret = secrets.create("TOKEN", VALUE)
        for damaged in ("", "x", "ä", secret.sealed[:-8], "gAAAA" * 30):
            secret.sealed = damaged
            with pytest.raises(SluiceError, match="secret TOKEN can't be opened"):
                secrets.unseal(secret)

    def test_a_check_of_the_database_names_them(self, settings):
        settings.SLUICE = {"SECRET_KEYS": [OLD]}
        secrets.create("LOST", VALUE)
        assert checks.check_secrets(None, databases=["default"]) == []
        settings.SLUICE = {"SECRET_KEYS": [NEW]}
        assert checks.check_secrets(None) == []
        [warning] = checks.check_secrets(None, databases=["default"])
        assert warning.id == "sluice.W006"
        assert "LOST" in warning.msg
        err = StringIO()
        call_command("check", databases=["default"], stdout=err, stderr=err)
        assert "sluice.W006" in err.getvalue()

    @pytest.mark.parametrize("keys", [[], ["short"], "x" * 40])
    def test_settings_that_are_wrong_are_told(self, settings, keys):
        settings.SLUICE = {"SECRET_KEYS": keys}
        [error] = checks.check_settings(None)
        assert "SECRET_KEYS" in error.msg


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ("{{$env.A}}", {"A"}),
        ({"{{$env.A}}": ["x {{ ctx.$env.B }} {{ctx.ctx.$env.C.more}}", 1]}, {"A", "B", "C"}),
        ("{{$env.A:none}} + {{$env.A}}", {"A"}),
        ("$env.A", set()),
        ("{{$context.x:$env.A}}", set()),
        ("{{$env}}", set()),
        ("{{$context.env.A}}", set()),
    ],
)
def test_the_names_that_templates_ask_for(value, names):
    assert env_names(value) == names


@pytest.mark.django_db
class TestEnv:
    def test_it_has_the_values_that_are_named_and_no_others(self, django_assert_num_queries):
        secrets.create("A", VALUE)
        secrets.create("B", "other")
        env = Env(frozenset({"A", "MISSING"}))
        with django_assert_num_queries(1):
            assert env["A"] == env.get("A") == VALUE
            assert "B" not in env
        for name in ("B", "MISSING"):
            with pytest.raises(Invalid, match=f"There is no secret {name};"):
                env.get(name, "default")
        assert (dict(env), len(env)) == ({}, 0)

    def test_without_names_it_asks_nothing(self, django_assert_num_queries):
        with django_assert_num_queries(0):
            env = Env(frozenset())
            env.load()
            assert env.masked({"a": 1}) == {"a": 1}
            assert "A" not in env

    def test_a_wrong_key_tells_at_use_and_not_before(self, settings):
        secrets.create("A", VALUE)
        settings.SLUICE = {"SECRET_KEYS": [NEW]}
        env = Env(frozenset({"A"}))
        assert env.masked("text") == "text"
        with pytest.raises(SluiceError, match="can't be opened"):
            env.get("A")

    def test_a_node_tried_alone_has_them_too(self):
        secrets.create("A", VALUE)
        outcome = try_node("calculation", {"engine": "string", "expression": "<{{$env.A}}>"})
        assert outcome.result == f"<{MASK}>"
        assert VALUE not in str(outcome)


@pytest.mark.parametrize(
    ("texts", "value", "shown"),
    [
        (["abcd"], "abcd", MASK),
        (["abcd"], "Bearer abcd, ABCD", f"Bearer {MASK}, {MASK}"),
        (["abc"], "abc", MASK),
        (["abc"], "xabc abc", "xabc abc"),
        (["abcd", "abcdef"], "abcdefg", f"{MASK}g"),
        (["a b&c/d"], "?x=a%20b%26c%2Fd&y=a+b%26c%2Fd&z=a%20b%26c/d", f"?x={MASK}&y={MASK}&z={MASK}"),
        (['a"b\nc'], 'said {"x": "a\\"b\\nc"}', f'said {{"x": "{MASK}"}}'),
        (["<a&b>"], "<p>&lt;a&amp;b&gt;</p>", f"<p>{MASK}</p>"),
        (["abcd"], {"abcd": [1, {"x": "abcd"}]}, {MASK: [1, {"x": MASK}]}),
        (["1234"], [1234, 12345, "12345", True, 1234.0], [MASK, 12345, f"{MASK}5", True, 1234.0]),
        (["1"], [1, True, "1", "11"], [1, True, MASK, "11"]),
        ([" abcd\n"], ["x abcd", " abcd\n"], [f"x {MASK}", MASK]),
        (["***", "****"], "****", "****"),
        ([], "abcd", "abcd"),
    ],
)
def test_what_is_masked(texts, value, shown):
    masker = Masker(texts)
    assert masker.masked(value) == shown
    assert masker.masked(masker.masked(value)) == shown


def test_what_has_no_secret_is_the_very_value():
    value = {"a": [1, {"b": "text"}], "c": None}
    assert Masker(["abcd"]).masked(value) is value


def test_of_a_kind_that_waits_keys_and_numbers_stay():
    value = {"looped": 1234, "kept": "1234"}
    assert Masker(["1234", "looped"]).masked(value, state=True) == {"looped": 1234, "kept": MASK}


@pytest.mark.django_db
def test_the_variables_of_a_node_name_them():
    from tests.building import build

    workflow = build([])
    assert "Secrets" not in [group.title for group in in_scope(workflow, None)]
    secrets.create("TOKEN", VALUE, description="Shop")
    group = in_scope(workflow, None)[-1]
    assert group.title == "Secrets"
    assert [(each.template, each.title) for each in group.variables] == [("{{$env.TOKEN}}", "Shop")]
