"""A statement of one number that takes long on whichever database the tests have."""

from django.db import connection

_COUNTS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000000) SELECT count(*) FROM n"
#: A mere SLEEP answers 1 when MariaDB ends it.
_SLEEPS = {
    "postgresql": "SELECT COUNT(*) FROM pg_sleep(20)",
    "mysql": "SELECT SLEEP(20) + COUNT(*) FROM workflows_workflow",
}


def slow_statement() -> str:
    return _SLEEPS.get(connection.vendor, _COUNTS)
