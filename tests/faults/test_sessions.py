"""What bounds a worker's session holds for every connection it makes while it drains."""

import pytest
from django.db import connection

from executions.dispatcher import start
from executions.drain import drain
from executions.store import session
from tests.building import build

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.mariadb]


def settings():
    """(connection's number at the server, {bound: value})"""
    names = ["innodb_lock_wait_timeout", *(name for name, _ in session._MYSQL_BOUNDS[connection.mysql_is_mariadb])]
    with connection.cursor() as cursor:
        cursor.execute("SELECT CONNECTION_ID(), " + ", ".join(f"@@SESSION.{name}" for name in names))
        number, *values = cursor.fetchone()
    return number, dict(zip(names, map(int, values), strict=True))


def test_a_connection_made_in_the_middle_of_a_drain_is_bounded_too(acts, settle):
    seen, other = [], connection.copy()

    def look(step):
        seen.append(settings())
        if len(seen) == 1:
            with other.cursor() as cursor:
                cursor.execute(f"KILL CONNECTION {seen[0][0]}")
        return acts["give"](step)

    acts["look"] = look
    usual = settings()[1]
    workflow = build([("t-write", {"act": "look"})])
    killed, following = start(workflow, {}), start(workflow, {})
    try:
        drain("sluice")
    finally:
        other.close()
    (first, bounds), (second, again) = seen[:2]
    assert first != second, "The drain went on over the connection that was killed."
    assert bounds == again == {**usual, **dict(session._MYSQL_BOUNDS[True]), "innodb_lock_wait_timeout": 2}
    assert settings()[1] == usual != bounds
    settle()
    killed.refresh_from_db()
    following.refresh_from_db()
    assert (killed.status, following.status) == (1, 1)
