"""Each filter of the native API's list of executions, the admin's list, and NocoBase's pages with an exact count, of a
short history and of a long one, in one run."""

import argparse
import json
import platform
import time
from collections.abc import Callable
from typing import Any

from benchmarks import counted, ground, history

SHORT = 10_000
#: What a filter may take at most: page 1 of its time at 10,000 rows, page 1,000 of page 1.
LONGER, DEEPER = 3.0, 2.0
PAGE, DEEP = 50, 1000
_WARM, _TIMES = 3, 15


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-n", type=int, default=1_000_000, help="executions of the long history")
    parser.add_argument("--again", action="store_true", help="measure the histories that the last call has written")
    parser.add_argument("--only", default="", help="only filters with this text in their names")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    ground.set_up(redis=False, fresh=not arguments.again)
    from django.conf import settings
    from django.test.utils import setup_test_environment

    setup_test_environment()
    settings.SLUICE = {**settings.SLUICE, "THROTTLES": {}}
    workflows, people = _definitions()
    if not arguments.again:
        history.write("short", SHORT, workflows, people)
        history.write("long", arguments.n, workflows, people)
        counted.write(arguments.n, workflows[0], people)
    client = _client()
    addresses = _addresses(workflows, people)
    rows = {name: _measure(client, name, address) for name, address in addresses if arguments.only in name}
    found = {
        "n": arguments.n,
        "machine": f"{platform.machine()}, Python {platform.python_version()}",
        "lists": rows,
        "counted": counted.measured(workflows[0], arguments.only, LONGER),
    }
    print(json.dumps(found) if arguments.json else _table(found))
    return 0


def _definitions() -> tuple[list[Any], history.People]:
    from django.contrib.auth import get_user_model

    from workflows.models import Workflow

    users, names = get_user_model().objects, ("common", "rare", "past")
    if users.exists():
        people = [users.get(username=name) for name in names]
        return list(Workflow.objects.order_by("id")), history.People(*(person.pk for person in people))
    people = [users.create_superuser(name, f"{name}@example.com", "x") for name in names]
    types = {0: "collection", 1: "approval", 2: "webhook"}
    workflows = [
        Workflow.objects.create(
            key=history.key_of(position), title=f"Workflow {position:03d}", current=True,
            type=types.get(position, "schedule" if position % 2 else "manual"),
        )
        for position in range(53)
    ]  # fmt: skip
    return workflows, history.People(*(person.pk for person in people))


def _client() -> Any:
    from django.contrib.auth import get_user_model
    from django.test import Client

    client = Client()
    client.force_login(get_user_model().objects.get(username="common"))
    return client


def _addresses(workflows: list[Any], people: history.People) -> list[tuple[str, str]]:
    """(name, address): each filter alone, and with a workflow that has many, one in a hundred or few of the runs."""
    at = {share: history.moment(share).strftime("%Y-%m-%dT%H:%M:%SZ") for share in (0.0, 0.05, 0.3, 0.301, 0.9)}
    filters = {
        "no filter": "",
        "status, common": "status=resolved",
        "status, rare": "status=rejected",
        "status, only long ago": "status=canceled",
        "statuses": "status=error,failed,canceled",
        "type, common": "type=collection",
        "type, rare": "type=approval",
        "type, only long ago": "type=webhook",
        "name": "name=order-4004",
        "name prefix, common": "name_prefix=order-",
        "name prefix, rare": "name_prefix=vip",
        "event key": "event_key=delivery-4005",
        "event key prefix": "event_key_prefix=delivery-1",
        "parent of many": "parent=1",
        "parent of few": "parent=2",
        "created by, common": f"created_by={people.common}",
        "created by, rare": f"created_by={people.rare}",
        "created by, only long ago": f"created_by={people.past}",
        "tag, common": "tags=express",
        "tag, rare": "tags=rare",
        "tag, only long ago": "tags=past",
        "attribute": "attr.customer=C7",
        "attribute, rare": "attr.customer=vip",
        "attribute, a range": "attr.total__gte=3000",
        "waiting at": "waiting_at=n3",
        **{
            f"{time}, {what}": query
            for time in ("created", "started", "ended")
            for what, query in (
                ("since", f"{time}_since={at[0.3]}"),
                ("a long range ago", f"{time}_since={at[0.0]}&{time}_until={at[0.3]}"),
                ("a short range ago", f"{time}_since={at[0.3]}&{time}_until={at[0.301]}"),
            )
        },
    }
    base = "/api/v1/executions/?"
    found = [(name, base + query) for name, query in filters.items()]
    for what, position in (("many", 0), ("1 in 100", 10), ("few", 1), ("past", 2)):
        narrowed = f"key={history.key_of(position)}"
        found += [(f"{name} + key, {what}", f"{base}{narrowed}&{query}") for name, query in filters.items()]
    version = f"workflow={workflows[0].pk}"
    found += [(f"{name} + workflow", f"{base}{version}&{query}") for name, query in filters.items()]
    found.append(("the admin's list", "/admin/executions/execution/"))
    return found


def _measure(client: Any, name: str, address: str) -> dict[str, Any]:
    """Both histories in turn, so that whatever else the machine does meanwhile slows both alike."""
    short, long = _milliseconds(lambda: _get(client, address, "short"), lambda: _get(client, address, "long"))
    row = {"short_ms": short, "long_ms": long, "ratio": round(long / short, 2), "queries": _queries(client, address)}
    # A thousand pages are walked for each filter alone.
    deep = _deep(client, address) if "+" not in name and address.startswith("/api/") else None
    if deep is not None:
        first, last = _milliseconds(lambda: _get(client, address, "long"), lambda: _get(client, deep, "long"))
        row["deep_ratio"] = round(last / first, 2)
    row["holds"] = row["ratio"] <= LONGER and row.get("deep_ratio", 0) <= DEEPER
    return row


def _get(client: Any, address: str, schema: str) -> Any:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(f"SET search_path TO {schema}, public")
    began = time.perf_counter()
    answer = client.get(address, headers={"accept": "application/json" if "/api/" in address else "text/html"})
    answer.seconds = time.perf_counter() - began
    if answer.status_code != 200:
        raise RuntimeError(f"{address}: {answer.status_code} {answer.content[:500]!r}")
    return answer


def _milliseconds(*calls: Callable[[], Any]) -> list[float]:
    """The quickest of some calls of each, warm: what slows the others is not the list."""
    for _ in range(_WARM):
        for call in calls:
            call()
    taken = [[call().seconds for call in calls] for _ in range(_TIMES)]
    return [round(min(column) * 1000, 2) for column in zip(*taken, strict=True)]


def _queries(client: Any, address: str) -> int:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as queries:
        _get(client, address, "long")
    return sum(query["sql"].lstrip("(").startswith("SELECT") for query in queries)


def _deep(client: Any, address: str) -> str | None:
    """The address of page 1,000, reached page after page; None for a list that ends before."""
    step = f"{address}&page_size=200&fields=id"
    for _ in range((DEEP - 1) * PAGE // 200):
        found = _get(client, step, "long").json()["next"]
        if found is None:
            return None
        step = found
    return str(step.replace("page_size=200", f"page_size={PAGE}").replace("&fields=id", ""))


def _table(found: dict[str, Any]) -> str:
    lines = [f"{found['n']} executions, {found['machine']}; page 1 in ms, and what page 1,000 takes of that"]
    lines.append(f"  {'filter':<44} {'10,000':>8} {found['n']:>10,} {'ratio':>6} {'deep':>6} {'queries':>8}")
    for name, row in found["lists"].items():
        deep = row.get("deep_ratio", "-")
        lines.append(
            f"{' ' if row['holds'] else '!'} {name:<44} {row['short_ms']:>8} {row['long_ms']:>10} {row['ratio']:>6}"
            f" {deep:>6} {row['queries']:>8}"
        )
    return "\n".join([*lines, *counted.table(found["counted"], found["n"])])
