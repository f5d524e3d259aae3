import pytest
from django.core.checks import run_checks
from django.db import connections

from workflows import checks

pytestmark = pytest.mark.once

MYSQL = {"isolation_level": "read committed"}
IMMEDIATE = {"transaction_mode": "IMMEDIATE"}
SQLITE = {**IMMEDIATE, "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"}
KEEPALIVES = {"keepalives": 1, "keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3}


def test_this_project_has_nothing_to_complain_of():
    assert run_checks(tags=[checks.TAG]) == []


@pytest.mark.parametrize(
    ("sluice", "expected"),
    [
        pytest.param({"BATCH": 0}, [("sluice.E001", "settings.SLUICE['BATCH']")], id="value"),
        pytest.param({"BACTH": 5}, [("sluice.E001", "settings.SLUICE['BACTH']")], id="name"),
        pytest.param(
            {"BATCH": "many", "QUEUE": "a b"},
            [("sluice.E001", "settings.SLUICE['QUEUE']"), ("sluice.E001", "settings.SLUICE['BATCH']")],
            id="each-field",
        ),
        pytest.param(
            {"REQUEST_ALLOW": ["a", 5]}, [("sluice.E001", "settings.SLUICE['REQUEST_ALLOW.1']")], id="inside-a-list"
        ),
        pytest.param(["BATCH"], [("sluice.E001", "settings.SLUICE: ")], id="no-object"),
        pytest.param({"SQL_ALIASES": {"a": "x"}}, [("sluice.E001", "settings.SLUICE['SQL_ALIASES.a']")], id="sql"),
        pytest.param({"TOKEN_KEY": "short"}, [("sluice.E001", "settings.SLUICE['TOKEN_KEY']")], id="short-key"),
        pytest.param(
            {"THROTTLES": {"read": "often"}}, [("sluice.E001", "settings.SLUICE['THROTTLES.read']")], id="rate"
        ),
        pytest.param(
            {"THROTTLES": {"reads": "1/day"}}, [("sluice.E001", "settings.SLUICE['THROTTLES.reads.[key]']")], id="scope"
        ),
        pytest.param({"CACHE": "shared"}, [("sluice.E002", "names the cache 'shared'")], id="cache"),
    ],
)
def test_settings(settings, sluice, expected):
    settings.SLUICE = sluice
    found = checks.check_settings(None)
    assert [message.id for message in found] == [id for id, _ in expected]
    for message, (_, text) in zip(found, expected, strict=True):
        assert text in message.msg
        assert message.hint


def test_sql_nodes_are_allowed_databases_that_are_there(settings):
    settings.SLUICE = {"SQL_ALIASES": {"default": "read", "nowhere": "write"}}
    [error] = checks.check_sql_aliases(None)
    assert (error.id, "nowhere" in error.msg) == ("sluice.E005", True)


class Elsewhere:
    """Puts some models on another database."""

    def __init__(self, *labels):
        self.labels = labels

    def db_for_write(self, model, **hints):
        return "other" if model._meta.label in self.labels else None


@pytest.mark.parametrize(
    ("labels", "named"),
    [
        pytest.param(["shop.Order"], None, id="host-model"),
        pytest.param(["workflows.Node", "executions.Job"], "executions.Job, workflows.Node", id="some-of-ours"),
        pytest.param(["auth.User"], "workflows.Workflow", id="the-user"),
    ],
)
def test_alias(settings, labels, named):
    settings.DATABASE_ROUTERS = [Elsewhere(*labels)]
    found = checks.check_alias(None)
    assert [message.id for message in found] == (["sluice.E003"] if named else [])
    assert all(named in message.msg and message.hint for message in found)


def test_a_replica_for_reading_is_refused(settings):
    class Replica:
        def db_for_read(self, model, **hints):
            return "replica" if model._meta.label == "executions.Execution" else None

    settings.DATABASE_ROUTERS = [Replica()]
    assert [message.id for message in checks.check_alias(None)] == ["sluice.E003"]


@pytest.mark.parametrize(
    ("vendor", "configured", "expected"),
    [
        pytest.param("sqlite", {"CONN_MAX_AGE": 0, "NAME": "x.sqlite3", "OPTIONS": SQLITE}, [], id="sqlite"),
        pytest.param("sqlite", {"NAME": "x.sqlite3", "OPTIONS": {}}, ["sluice.W005"], id="sqlite-default-of-django"),
        pytest.param(
            "sqlite", {"NAME": "x", "OPTIONS": {**SQLITE, "init_command": None}}, ["sluice.W005"], id="sqlite-no-wal"
        ),
        pytest.param(
            "sqlite",
            {"NAME": "x", "OPTIONS": {**SQLITE, "init_command": "PRAGMA journal_mode=delete; -- no wal"}},
            ["sluice.W005"],
            id="sqlite-another-journal",
        ),
        pytest.param(
            "sqlite",
            {"NAME": "x", "OPTIONS": {**SQLITE, "transaction_mode": "DEFERRED"}},
            ["sluice.W005"],
            id="sqlite-deferred",
        ),
        pytest.param(
            "sqlite",
            {"NAME": "x", "OPTIONS": {**SQLITE, "init_command": "pragma journal_mode = 'wal'"}},
            [],
            id="sqlite-spelt-otherwise",
        ),
        pytest.param("sqlite", {"NAME": ":memory:", "OPTIONS": IMMEDIATE}, [], id="sqlite-memory"),
        pytest.param("sqlite", {"NAME": "file:m?mode=memory&cache=shared", "OPTIONS": IMMEDIATE}, [], id="shared"),
        pytest.param("postgresql", {}, [], id="postgresql"),
        pytest.param("postgresql", {"CONN_MAX_AGE": None}, [], id="kept-for-good"),
        pytest.param("postgresql", {"CONN_MAX_AGE": 0}, ["sluice.W001"], id="no-connection-kept"),
        pytest.param(
            "postgresql", {"CONN_MAX_AGE": 0, "OPTIONS": {**KEEPALIVES, "pool": True}}, [], id="pool-of-connections"
        ),
        pytest.param(
            "postgresql", {"OPTIONS": {**KEEPALIVES, "isolation_level": 4}}, ["sluice.W002"], id="serializable"
        ),
        pytest.param("postgresql", {"OPTIONS": {**KEEPALIVES, "isolation_level": 2}}, [], id="read-committed"),
        pytest.param("postgresql", {"OPTIONS": {}}, ["sluice.W003"], id="no-keepalives"),
        pytest.param("postgresql", {"OPTIONS": {**KEEPALIVES, "keepalives": 0}}, ["sluice.W003"], id="turned-off"),
        pytest.param(
            "postgresql", {"OPTIONS": {**KEEPALIVES, "keepalives_idle": 7200}}, ["sluice.W003"], id="late-keepalives"
        ),
        pytest.param("postgresql", {"HOST": "/run/postgresql", "OPTIONS": {}}, [], id="socket"),
        pytest.param("postgresql", {"HOST": "", "OPTIONS": {}}, [], id="default-socket"),
        pytest.param("mysql", {"OPTIONS": MYSQL}, [], id="mysql"),
        pytest.param("mysql", {"OPTIONS": {}}, [], id="mysql-default-of-django"),
        pytest.param("mysql", {"OPTIONS": {"isolation_level": "READ COMMITTED"}}, [], id="mysql-capitals"),
        pytest.param("mysql", {"OPTIONS": {"isolation_level": None}}, ["sluice.W002"], id="mysql-default-of-server"),
        pytest.param(
            "mysql", {"OPTIONS": {"isolation_level": "repeatable read"}}, ["sluice.W002"], id="mysql-repeatable-read"
        ),
        pytest.param(
            "mysql",
            {"OPTIONS": {"isolation_level": None}, "CONN_MAX_AGE": 0},
            ["sluice.W001", "sluice.W002"],
            id="both",
        ),
    ],
)
def test_database(monkeypatch, vendor, configured, expected):
    connection = connections["default"]
    configured = {"CONN_MAX_AGE": 600, "HOST": "db.internal", "OPTIONS": KEEPALIVES, **configured}
    monkeypatch.setattr(type(connection), "vendor", vendor)
    monkeypatch.setattr(connection, "settings_dict", {**connection.settings_dict, **configured})
    found = checks.check_database(None)
    assert [message.id for message in found] == expected
    assert all(message.hint and "'default'" in message.msg for message in found)


def test_the_hint_for_sqlite_names_what_is_missing(monkeypatch):
    connection = connections["default"]
    configured = {"NAME": "x.sqlite3", "OPTIONS": IMMEDIATE}
    monkeypatch.setattr(type(connection), "vendor", "sqlite")
    monkeypatch.setattr(connection, "settings_dict", {**connection.settings_dict, **configured})
    [message] = checks.check_database(None)
    assert "journal_mode=WAL" in message.hint
    assert "transaction_mode" not in message.hint


@pytest.mark.parametrize(
    ("path", "text"),
    [
        pytest.param(None, None, id="none"),
        pytest.param("workflows.visibility.visible", None, id="function"),
        pytest.param("workflows.visibility.gone", "can't be loaded", id="no-such-name"),
        pytest.param("nowhere.rule", "can't be loaded", id="no-such-module"),
        pytest.param("rule", "can't be loaded", id="no-path"),
        pytest.param("workflows.conf.__doc__", "is not a function", id="no-function"),
    ],
)
def test_visible(settings, path, text):
    settings.SLUICE = {"VISIBLE": path}
    found = checks.check_visible(None)
    assert [message.id for message in found] == (["sluice.E004"] if text else [])
    assert all(text in message.msg and message.hint for message in found)


@pytest.mark.parametrize(
    ("backend", "sluice", "expected"),
    [
        ("locmem.LocMemCache", {}, []),
        ("dummy.DummyCache", {}, ["sluice.W004"]),
        ("dummy.DummyCache", {"SIGN_IN_FAILURES": None}, []),
        ("dummy.DummyCache", {"SIGN_IN_FAILURES": None, "THROTTLES": {"read": "1/day"}}, ["sluice.W004"]),
    ],
)
def test_a_cache_that_keeps_nothing_counts_nothing(settings, backend, sluice, expected):
    settings.CACHES = {"default": {"BACKEND": f"django.core.cache.backends.{backend}"}}
    settings.SLUICE = sluice
    found = checks.check_throttles(None)
    assert [message.id for message in found] == expected
    assert all(message.hint for message in found)


def test_settings_that_are_wrong_are_told_once(settings):
    settings.SLUICE = {"BATCH": 0}
    assert checks.check_visible(None) == checks.check_throttles(None) == []
