"""What every test may rely on: which database it has, where the real data lies, and that it sees nobody else's caches.

A test names what it needs with a marker (`postgres`, `mariadb`, `redis`, `workers`) or a fixture (`real_data`); where
that is absent it is skipped with the reason. SLUICE_NO_SKIPS=1 turns every skip into a failure of the session.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

# How long an example takes says more of the machine, and of what else it does, than of what is tried.
hypothesis_settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis_settings.load_profile("any machine")

ROOT = Path(__file__).resolve().parent.parent

#: Marker -> the database it names; a test with both runs on either.
_SERVERS = {"postgres": "postgresql", "mariadb": "mysql"}


def vendor() -> str:
    """One of sqlite, postgresql and mysql."""
    return {"sqlite3": "sqlite", "postgresql": "postgresql", "mysql": "mysql"}[
        settings.DATABASES["default"]["ENGINE"].rpartition(".")[2]
    ]


def on_redis() -> bool:
    return urlsplit(settings.CELERY_BROKER_URL).scheme in ("redis", "rediss")


def _unmet(item: pytest.Item) -> str | None:
    """Why this test can't run here, or None."""
    named = [name for name in _SERVERS if item.get_closest_marker(name)]
    if named and vendor() not in {_SERVERS[name] for name in named}:
        return f"needs {' or '.join(named)}: set DATABASE_URL"
    if (item.get_closest_marker("redis") or item.get_closest_marker("workers")) and not on_redis():
        return "needs Redis: set CELERY_BROKER_URL=redis://..."
    if item.get_closest_marker("workers") and vendor() == "sqlite":
        return "needs a database server for worker processes: set DATABASE_URL"
    return None


#: Fixtures through which a test reaches the database, or processes that do.
_DATABASE = {"db", "transactional_db", "django_db_setup", "live_server"}


def _same_everywhere(item: pytest.Item) -> bool:
    """Whether no server comes into it at all: then once is enough."""
    marked = any(item.get_closest_marker(name) for name in ("django_db", "engine", "redis", "workers", *_SERVERS))
    return not marked and not _DATABASE.intersection(getattr(item, "fixturenames", ()))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if _same_everywhere(item):
            item.add_marker(pytest.mark.once)
        if reason := _unmet(item):
            item.add_marker(pytest.mark.skip(reason=reason))


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("SLUICE_NO_SKIPS") != "1" or reporter is None or exitstatus != pytest.ExitCode.OK:
        return
    if skipped := len(reporter.stats.get("skipped", ())):
        reporter.write_line(f"SLUICE_NO_SKIPS: {skipped} skipped, and nothing may be.", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(scope="session")
def database_vendor() -> str:
    return vendor()


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Where `northwind/` and `github-webhooks/` are: $SLUICE_TEST_DATA, else ../shared/data beside the checkout."""
    path = Path(os.environ.get("SLUICE_TEST_DATA") or ROOT.parent / "shared" / "data")
    if not (path / "northwind").is_dir():
        pytest.skip(f"no real data in {path}: set SLUICE_TEST_DATA to the directory that holds northwind/")
    return path


@pytest.fixture(autouse=True)
def _nothing_remembered() -> Iterator[None]:
    """Graphs, listeners, settings, cache and the silence after a broker's failure: none may outlive the test."""
    yield
    from django.core.cache import cache

    from executions import wakeup
    from workflows.conf import conf
    from workflows.graph import forget_graphs
    from workflows.triggers import listening

    forget_graphs()
    listening.forget()
    wakeup.speak_again()
    conf.cache_clear()
    cache.clear()


@pytest.fixture
def django_assert_num_queries(django_assert_num_queries: Any) -> Callable[..., Any]:
    return _counting(django_assert_num_queries)


@pytest.fixture
def django_assert_max_num_queries(django_assert_max_num_queries: Any) -> Callable[..., Any]:
    return _counting(django_assert_max_num_queries)


def _counting(counted: Callable[..., AbstractContextManager[Any]]) -> Callable[..., Any]:
    """Counts what the code itself asks for: not what it asks once a second, or once a process, whoever comes by."""

    @contextmanager
    def counting(*args: Any, **kwargs: Any) -> Iterator[Any]:
        from django.apps import apps
        from django.contrib.contenttypes.models import ContentType

        from workflows.conf import conf
        from workflows.triggers import listening

        # A flush, as after each test that commits, empties this cache.
        ContentType.objects.get_for_models(*apps.get_models())
        # Nought is said by tests of the looking itself.
        if conf().REFRESH_SECONDS:
            listening.refresh()
            listening._state.next_look = time.monotonic() + 60
        try:
            with counted(*args, **kwargs) as queries:
                yield queries
        finally:
            listening._state.next_look = 0.0

    return counting
