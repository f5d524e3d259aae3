"""First and far pages of the three clouds' lists of runs, each a signed call through this project's whole stack."""

import argparse
import base64
import hashlib
import hmac
import json
import platform
import statistics
import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode

from benchmarks import ground

#: What a far page may take where a cursor leads to it: times the first one. What any page may take, in milliseconds.
FARTHER, MILLISECONDS = 2.0, 500.0
#: Runs of a page, and which one is far.
PAGE, FAR = 100, 10_000
BEGAN = datetime(2026, 6, 1, tzinfo=UTC)
SPAN = timedelta(days=90)
HOST = "testserver"
_WARM, _TIMES = 3, 11


@dataclass(frozen=True)
class Ground:
    """One flow, one user who began all its runs, and an access key of theirs."""

    flow: Any
    key: Any
    client: Any
    number: int

    @property
    def times(self) -> tuple[str, str]:
        """A span that has all runs."""
        return tuple((BEGAN + part).strftime("%Y-%m-%dT%H:%M:%SZ") for part in (timedelta(), SPAN))  # type: ignore[return-value]


@dataclass(frozen=True)
class Row:
    """A list: its first page and its far one, each as a call that gives the answer's JSON and its seconds."""

    name: str
    first: Any
    far: Any
    by_cursor: bool = False


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-n", type=int, default=1_000_000, help="executions of the one flow")
    parser.add_argument("--again", action="store_true", help="measure the history that the last call has written")
    parser.add_argument("--only", default="", help="only lists with this text in their names")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    ground.set_up(redis=False, fresh=not arguments.again)
    from django.conf import settings
    from django.test.utils import setup_test_environment

    setup_test_environment()
    settings.SLUICE = {**settings.SLUICE, "THROTTLES": {}}
    place = _ground(arguments.n, fresh=not arguments.again)
    rows = {row.name: _measured(row) for row in _rows(place) if arguments.only in row.name}
    found = {"n": arguments.n, "machine": f"{platform.machine()}, Python {platform.python_version()}", "lists": rows}
    print(json.dumps(found) if arguments.json else _table(found))
    return 0 if all(row["holds"] for row in rows.values()) else 1


def _ground(number: int, *, fresh: bool) -> Ground:
    from django.contrib.auth import get_user_model
    from django.test import Client

    from config.demo import definitions
    from executions import accesskeys
    from workflows import versions
    from workflows.models import Workflow

    if fresh:
        user = get_user_model().objects.create_superuser("somebody", "somebody@example.com", "x")
        flow = versions.enable(definitions.quick())
        _write(number, flow, user)
    else:
        user, flow = get_user_model().objects.get(), Workflow.objects.get()
    return Ground(flow, accesskeys.create(user, name="A benchmark"), Client(), number)


_INSERT = """
INSERT INTO executions_execution (workflow_id, key, title, version, type, name, context, status, reason, output, tags,
    stack, attempt, turn, solo, queue, priority, crashes, created_by_id, created_at, started_at, ended_at, updated_at)
SELECT %(pk)s, %(key)s, %(title)s, %(version)s, %(type)s, 'order-' || n, jsonb_build_object('order', n),
    CASE WHEN n %% 50 = 1 THEN -2 WHEN n %% 50 = 2 OR n %% 1000 = 3 THEN -3 WHEN n %% 1000 = 4 THEN 0 ELSE 1 END,
    CASE WHEN n %% 1000 = 3 THEN 'timeout' WHEN n %% 50 = 2 THEN 'manual_cancel' END,
    jsonb_build_object('total', n %% 1000), '[]', '[]', 1, 3, false, 'sluice', 0, 0, %(by)s,
    t, t, CASE WHEN n %% 1000 = 4 THEN NULL ELSE t END, t
FROM (
    SELECT n, %(began)s + (%(span)s * (n::float8 / %(number)s)) AS t FROM generate_series(1, %(number)s) AS n
) AS rows
"""


def _write(number: int, flow: Any, user: Any) -> None:
    from django.db import connection

    columns = {name: getattr(flow, name) for name in ("pk", "key", "title", "version", "type")}
    span = {"number": number, "began": BEGAN, "span": SPAN}
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, {**columns, **span, "by": user.pk})
        cursor.execute("VACUUM ANALYZE executions_execution")


def _rows(place: Ground) -> list[Row]:
    return [*_cloudflow(place), *_functiongraph(place), *_iflyrpa(place)]


def _cloudflow(place: Ground) -> list[Row]:
    begin, end = place.times
    lists: dict[str, dict[str, Any]] = {
        "": {},
        ", succeeded": {"Status": "Succeeded"},
        ", failed": {"Status": "Failed"},
        ", timed out": {"Status": "TimedOut"},
        ", a range": {"StartedTimeBegin": begin, "StartedTimeEnd": end},
        ", a range, succeeded": {"StartedTimeBegin": begin, "StartedTimeEnd": end, "Status": "Succeeded"},
        ", a range, timed out": {"StartedTimeBegin": begin, "StartedTimeEnd": end, "Status": "TimedOut"},
        ", a name's prefix": {"ExecutionNamePrefix": "order-"},
    }
    return [_walked(place, f"CloudFlow{name}", given) for name, given in lists.items()]


def _walked(place: Ground, name: str, given: dict[str, Any]) -> Row:
    """The far page's token is made from where the page before it ends; to walk there would take ten thousand calls."""
    from executions.dialects.cloudflow import paging
    from executions.dialects.cloudflow.actions import executions as lists
    from executions.dialects.cloudflow.finding import STATUSES, by_range, prefixed
    from executions.dialects.cloudflow.parameters import Parameters
    from executions.models import Execution

    read = Parameters(given)
    status, prefix = given.get("Status"), given.get("ExecutionNamePrefix")
    begin, end = read.moment("StartedTimeBegin"), read.moment("StartedTimeEnd")
    rows = Execution.objects.filter(by_range(begin, end), key=place.flow.key).order_by("-id")
    for condition in [prefixed(prefix)] if prefix else []:
        rows = rows.filter(condition)
    if status:
        known = STATUSES[status][0]
        for other in STATUSES[status][1:]:
            known |= other
        rows = rows.filter(known)
    before = min(rows.count(), FAR * PAGE) // PAGE * PAGE - PAGE
    value, pk = rows.values_list("created_at", "pk")[before - 1]
    order = lists._BY_TIME if begin or end else lists._NEWEST_FIRST
    which = ("ListExecutions", place.flow.key, status, begin, end, prefix)
    token = paging.token(order.cursor((value if order.column else None, pk)), *which)
    given = {"FlowName": place.flow.name, "Limit": PAGE, **given}
    return Row(
        f"{name}, page {before // PAGE + 1:,}",
        lambda: _call_cloudflow(place, given),
        lambda: _call_cloudflow(place, {**given, "NextToken": token}),
        by_cursor=True,
    )


def _call_cloudflow(place: Ground, given: dict[str, Any]) -> Any:
    parameters = {
        "Action": "ListExecutions", "Format": "json", "Version": "2019-03-15", "SignatureMethod": "HMAC-SHA1",
        "SignatureVersion": "1.0", "AccessKeyId": place.key.row.access_key_id, "SignatureNonce": uuid.uuid4().hex,
        "Timestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), **given,
    }  # fmt: skip
    text = f"GET&%2F&{quote(_canonical(parameters), safe='-_.~')}"
    signature = hmac.digest(f"{place.key.secret}&".encode(), text.encode(), "sha1")
    query = urlencode({**parameters, "Signature": base64.b64encode(signature).decode()})
    return _timed(place, f"/?{query}", {}, lambda found: found["Executions"])


def _canonical(parameters: dict[str, Any]) -> str:
    return "&".join(
        f"{quote(name, safe='-_.~')}={quote(str(parameters[name]), safe='-_.~')}" for name in sorted(parameters)
    )


def _functiongraph(place: Ground) -> list[Row]:
    start, end = place.times
    whole = {"start_time": start, "end_time": end}
    # Only one end: three days from there.
    days = {"start_time": (BEGAN + SPAN / 2).strftime("%Y-%m-%dT%H:%M:%SZ")}
    lists: list[tuple[str, str, dict[str, Any], int, int]] = [
        ("list, three days", "executions", days, 200, place.number // 30),
        ("list", "executions", whole, 200, place.number),
        ("list, success", "executions", {**whole, "status": "success"}, 200, place.number * 95 // 100),
        ("list, fail", "executions", {**whole, "status": "fail"}, 200, place.number // 50),
        ("list, timeout", "executions", {**whole, "status": "timeout"}, 200, place.number // 1000),
        ("history, three days", "executions-history", days, 100, place.number // 30),
        ("history", "executions-history", whole, 100, place.number),
    ]
    return [
        Row(
            f"FunctionGraph {name}, offset {count - limit:,}",
            _functiongraph_call(place, what, {**given, "limit": limit, "offset": 0}),
            _functiongraph_call(place, what, {**given, "limit": limit, "offset": count - limit}),
        )
        for name, what, given, limit, count in lists
    ]


def _functiongraph_call(place: Ground, what: str, given: dict[str, Any]) -> Any:
    project = place.key.row.project_id
    path = f"/v2/{project}/fgs/workflows/{place.flow.key}/{what}"

    def call() -> Any:
        date = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        headers = {"host": HOST, "x-project-id": project, "x-sdk-date": date}
        signed = "".join(f"{name}:{value}\n" for name, value in headers.items())
        canonical = "\n".join(
            ("GET", f"{path}/", _canonical(given), signed, ";".join(headers), hashlib.sha256(b"").hexdigest())
        )
        text = f"SDK-HMAC-SHA256\n{date}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        signature = hmac.digest(place.key.secret.encode(), text.encode(), "sha256").hex()
        told = f"Access={place.key.row.access_key_id}, SignedHeaders={';'.join(headers)}, Signature={signature}"
        address = f"{path}?{urlencode(given, quote_via=quote)}"
        return _timed(
            place, address, {**headers, "authorization": f"SDK-HMAC-SHA256 {told}"}, lambda found: found["executions"]
        )

    return call


def _iflyrpa(place: Ground) -> list[Row]:
    return [
        Row(
            f"iFlyRPA, {size} a page, page {place.number // size:,}",
            _iflyrpa_call(place, size, 1),
            _iflyrpa_call(place, size, place.number // size),
        )
        for size in (10, PAGE)
    ] + [
        Row(
            f"iFlyRPA, {PAGE} a page, page {place.number // PAGE // 2:,}",
            _iflyrpa_call(place, PAGE, 1),
            _iflyrpa_call(place, PAGE, place.number // PAGE // 2),
        )
    ]


def _iflyrpa_call(place: Ground, size: int, number: int) -> Any:
    address = f"/api/rpa-openapi/executions/get?pageNo={number}&pageSize={size}"
    headers = {"authorization": f"Bearer {place.key.api_key}"}
    return lambda: _timed(place, address, headers, lambda found: found["data"]["executions"])


def _timed(place: Ground, address: str, headers: dict[str, str], rows_of: Any) -> float:
    """Its milliseconds. Raises `RuntimeError` for an answer without rows."""
    began = time.perf_counter()
    answer = place.client.get(address, headers=headers)
    taken = (time.perf_counter() - began) * 1000
    if answer.status_code != 200 or not rows_of(answer.json()):
        raise RuntimeError(f"{address}: {answer.status_code} {answer.content[:500]!r}")
    return taken


def _measured(row: Row) -> dict[str, Any]:
    """Medians of both pages, asked for in turn, so that whatever else the machine does slows both alike."""
    for _ in range(_WARM):
        row.first()
        row.far()
    taken = [(row.first(), row.far()) for _ in range(_TIMES)]
    first, far = (statistics.median(column) for column in zip(*taken, strict=True))
    holds = max(first, far) <= MILLISECONDS and (far <= first * FARTHER or not row.by_cursor)
    return {
        "first_ms": round(first, 1), "far_ms": round(far, 1), "ratio": round(far / first, 2), "holds": holds,
        "queries": _queries(row.far),
    }  # fmt: skip


def _queries(call: Any) -> int:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as queries:
        call()
    return sum(query["sql"].lstrip("(").startswith(("SELECT", "WITH")) for query in queries)


def _table(found: dict[str, Any]) -> str:
    lines = [f"{found['n']} executions of one flow and one user, {found['machine']}; medians in ms"]
    lines.append(f"  {'list, far page':<60} {'first':>8} {'far':>8} {'ratio':>6} {'queries':>8}")
    for name, row in found["lists"].items():
        lines.append(
            f"{' ' if row['holds'] else '!'} {name:<60} {row['first_ms']:>8} {row['far_ms']:>8} {row['ratio']:>6}"
            f" {row['queries']:>8}"
        )
    return "\n".join(lines)
