"""System checks of what a host project sets up: all read settings only, but for the one of secrets."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from django.apps import AppConfig, apps
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import DatabaseError, connections, router
from django.utils.module_loading import import_string
from pydantic import ValidationError

from workflows.conf import conf
from workflows.errors import Invalid

TAG = "sluice"
#: Above this a dead network is noticed later than a worker's runs are to be free again.
MOST_KEEPALIVE_SECONDS = 30
_WAL = re.compile(r"journal_mode\s*[=(]\s*['\"]?wal\b", re.IGNORECASE)


@register(TAG)
def check_settings(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """sluice.E001: one error per field of `settings.SLUICE` that is wrong; sluice.E002: the cache it names."""
    try:
        cache = conf().CACHE
    except ValidationError as error:
        return [
            Error(
                f"settings.SLUICE[{'.'.join(map(str, item['loc']))!r}]: {item['msg']}."
                if item["loc"]
                else f"settings.SLUICE: {item['msg']}.",
                hint="Correct or remove the setting; workflows.conf.Sluice lists them all.",
                id="sluice.E001",
            )
            for item in error.errors()
        ]
    if cache in settings.CACHES:
        return []
    return [
        Error(
            f"settings.SLUICE['CACHE'] names the cache {cache!r}, which is not in settings.CACHES.",
            hint=f"Add it, or name one of: {', '.join(settings.CACHES)}.",
            id="sluice.E002",
        )
    ]


@register(TAG)
def check_visible(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """sluice.E004: the function that says who sees what can't be loaded; nobody but superusers would see anything."""
    try:
        path = conf().VISIBLE
    except ValidationError:
        return []  # sluice.E001 tells
    try:
        if path is None or callable(import_string(path)):
            return []
        problem = "is not a function"
    except ImportError as error:
        problem = f"can't be loaded: {error}"
    return [
        Error(
            f"settings.SLUICE['VISIBLE']: {path!r} {problem}.",
            hint="Give the dotted path of a function that takes a user and answers a Q of Workflow, or None.",
            id="sluice.E004",
        )
    ]


@register(TAG)
def check_sql_aliases(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """sluice.E005: SQL nodes are allowed a database that is not there."""
    try:
        unknown = sorted(conf().SQL_ALIASES.keys() - settings.DATABASES.keys())
    except ValidationError:
        return []  # sluice.E001 tells
    return [
        Error(
            f"settings.SLUICE['SQL_ALIASES'] names the database {alias!r}, which is not in settings.DATABASES.",
            hint=f"Remove it, or name one of: {', '.join(settings.DATABASES)}.",
            id="sluice.E005",
        )
        for alias in unknown
    ]


@register(TAG)
def check_channels(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """sluice.E006: a channel whose type nobody registered, or whose options are wrong."""
    # Imported late: the kinds need the app registry.
    from workflows.channels import channel

    found: list[CheckMessage] = []
    try:
        names = list(conf().CHANNELS)
    except ValidationError:
        return []  # sluice.E001 tells
    for name in names:
        try:
            channel(name)
        except Invalid as error:
            hint = "Correct or remove the channel; docs/nodes.md lists the options."
            found.append(Error(str(error), hint=hint, id="sluice.E006"))
    return found


@register(TAG)
def check_script(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """sluice.E007: scripts are to run and can't."""
    from workflows import scripting

    try:
        reason = scripting.why_not() if conf().SCRIPT.enabled else None
    except ValidationError:
        return []  # sluice.E001 tells
    hint = "Install the extra, django-sluice[script], or remove SLUICE['SCRIPT']."
    return [] if reason is None else [Error(reason, hint=hint, id="sluice.E007")]


@register(TAG)
def check_sensitive(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """sluice.E008: a field that is to be masked and is not there."""
    from workflows.sensitivity import find_field

    found: list[CheckMessage] = []
    try:
        labels = conf().SENSITIVE
    except ValidationError:
        return []  # sluice.E001 tells
    for label in labels:
        try:
            find_field(label)
        except LookupError as error:
            hint = 'Correct or remove it; a field is named as "shop.Customer.email".'
            found.append(Error(f"settings.SLUICE['SENSITIVE']: {error.args[0]}", hint=hint, id="sluice.E008"))
    return found


@register(TAG)
def check_throttles(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """sluice.W004: a cache that keeps nothing counts nothing."""
    try:
        settled = conf()
    except ValidationError:
        return []  # sluice.E001 tells
    backend = settings.CACHES.get(settled.CACHE, {}).get("BACKEND", "")
    if not backend.endswith("DummyCache") or not (settled.THROTTLES or settled.SIGN_IN_FAILURES):
        return []
    return [
        Warning(
            f"The cache {settled.CACHE!r} keeps nothing, so wrong passwords and calls of the API are not counted.",
            hint="Name a cache in SLUICE['CACHE'] that keeps what it is given, best one that all processes share.",
            id="sluice.W004",
        )
    ]


@register(Tags.database)
def check_secrets(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None = None, **_: Any
) -> list[CheckMessage]:
    """sluice.W006: secrets that no key opens; the one check that asks a database, so only where one is named."""
    from workflows import secrets
    from workflows.models import Secret

    alias = router.db_for_write(Secret)
    if alias not in (databases or ()):
        return []
    try:
        conf()
        # Before the first `migrate` there is nothing to open.
        known = Secret._meta.db_table in connections[alias].introspection.table_names()
        names = secrets.unopenable() if known else []
    except (ValidationError, DatabaseError):
        return []  # sluice.E001 tells the one, whoever connects next the other
    if not names:
        return []
    return [
        Warning(
            f"No key opens the secrets {', '.join(names)}; steps that name them fail, "
            "and requests signed with such an access key are refused.",
            hint="Enter their values again, make other access keys, or add the key they were kept with to "
            'SLUICE["SECRET_KEYS"].',
            id="sluice.W006",
        )
    ]


@register(TAG)
def check_alias(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """sluice.E003: a step's rows and its job are one commit, and both know the user; so all live on one alias."""
    users = router.db_for_write(get_user_model())
    elsewhere = [
        model._meta.label
        for label in ("workflows", "executions")
        if apps.is_installed(label)
        for model in apps.get_app_config(label).get_models()
        if {router.db_for_read(model), router.db_for_write(model)} != {users}
    ]
    if not elsewhere:
        return []
    return [
        Error(
            f"Sluice's tables must live on the database of the user model, {users!r}, for reading and writing; "
            f"the routers put these elsewhere: {', '.join(sorted(elsewhere))}.",
            hint="Let settings.DATABASE_ROUTERS send the apps 'workflows' and 'executions' where the user model is.",
            id="sluice.E003",
        )
    ]


@register(TAG)
def check_database(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """sluice.W001 to W003, W005: how the engine's database is connected to."""
    alias = router.db_for_write(get_user_model())
    vendor, configured = connections[alias].vendor, connections[alias].settings_dict
    if vendor == "sqlite":
        return list(_journal(alias, configured))
    return [*_age(alias, configured), *_isolation(alias, vendor, configured), *_keepalives(alias, vendor, configured)]


def _age(alias: str, configured: dict[str, Any]) -> Iterator[CheckMessage]:
    if configured["CONN_MAX_AGE"] == 0 and not configured["OPTIONS"].get("pool"):
        yield Warning(
            f"DATABASES[{alias!r}] opens a connection for every request and task: CONN_MAX_AGE is 0.",
            hint="Set CONN_MAX_AGE to 600 and CONN_HEALTH_CHECKS to True.",
            id="sluice.W001",
        )


def _isolation(alias: str, vendor: str, configured: dict[str, Any]) -> Iterator[CheckMessage]:
    options = configured["OPTIONS"]
    if vendor == "mysql":
        # None leaves it to the server, whose default is REPEATABLE READ.
        level = options.get("isolation_level", "read committed")
        wrong = level is None or str(level).lower() != "read committed"
    else:
        # psycopg's IsolationLevel: 2 is READ COMMITTED, which is PostgreSQL's default and what it makes of 1.
        wrong = (options.get("isolation_level") or 2) > 2
    if wrong:
        yield Warning(
            f"DATABASES[{alias!r}] is not used in READ COMMITTED: claims would lock more than they take, "
            "and not see what was committed meanwhile.",
            hint='Remove OPTIONS["isolation_level"].',
            id="sluice.W002",
        )


def _journal(alias: str, configured: dict[str, Any]) -> Iterator[CheckMessage]:
    """SQLite: others' writes would keep claims waiting, and a claim that first reads could not begin to write."""
    name, options = str(configured["NAME"]), configured["OPTIONS"]
    missing = []
    # A database in memory has no journal of its own.
    in_memory = name == ":memory:" or "mode=memory" in name
    if not in_memory and not _WAL.search(options.get("init_command") or ""):
        missing.append('"init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"')
    if (options.get("transaction_mode") or "").upper() not in ("IMMEDIATE", "EXCLUSIVE"):
        missing.append('"transaction_mode": "IMMEDIATE"')
    if missing:
        yield Warning(
            f"DATABASES[{alias!r}] is SQLite without what many writers need: "
            "they would wait for readers, or end with “database is locked”.",
            hint=f"Set in OPTIONS: {', '.join(missing)}.",
            id="sluice.W005",
        )


def _keepalives(alias: str, vendor: str, configured: dict[str, Any]) -> Iterator[CheckMessage]:
    host, options = configured["HOST"], configured["OPTIONS"]
    over_network = vendor == "postgresql" and host and not host.startswith("/")
    idle = options.get("keepalives_idle", 0)
    if over_network and (not options.get("keepalives", 1) or not 0 < int(idle) <= MOST_KEEPALIVE_SECONDS):
        yield Warning(
            f"DATABASES[{alias!r}] is reached over a network without TCP keepalives: a worker behind a dead one "
            "would wait for hours.",
            hint='Set OPTIONS to {"keepalives": 1, "keepalives_idle": 10, "keepalives_interval": 5, '
            '"keepalives_count": 3}.',
            id="sluice.W003",
        )
