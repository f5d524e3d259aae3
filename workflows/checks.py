"""System checks of what a host project sets up: all read settings only, none asks a database."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.apps import AppConfig, apps
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.checks import CheckMessage, Error, Warning, register
from django.db import connections, router
from pydantic import ValidationError

from workflows.conf import conf

TAG = "sluice"
#: Above this a dead network is noticed later than a worker's runs are to be free again.
MOST_KEEPALIVE_SECONDS = 30


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
    """sluice.W001 to W003: how the engine's database is connected to."""
    alias = router.db_for_write(get_user_model())
    vendor, configured = connections[alias].vendor, connections[alias].settings_dict
    if vendor == "sqlite":
        return []
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
