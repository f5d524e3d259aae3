"""Random trees of steps on the real database: whoever dies wherever, jobs, statuses and rows come out the same."""

import contextlib
import os
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from config.shop.models import Customer
from executions import segments
from executions.dispatcher import start
from executions.drain import drain
from executions.models import Execution, Job
from executions.store.side import close_side
from tests.building import Steps, build
from tests.executions.walking import cases, condition, loop, parallel
from tests.faults import checker
from workflows.models import Workflow
from workflows.policy import ERROR_BRANCH

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.engine]

#: Many more examples where somebody looks for trouble on purpose.
EXAMPLES = int(os.environ.get("SLUICE_EXAMPLES", "25"))
KILLS = max(2, EXAMPLES // 8)
#: More claims than any of these trees needs, one move each.
MOST_CLAIMS = 3_000
RETRY = {"retry": {"attempts": 2, "interval": 0}}

TAG = "{{$context.tag}}"
PASS = ("t-do", {"act": "give", "value": 1})
ODD = ("calculation", {"engine": "math.js", "expression": "1 1"})


def write(act: str, name: str, policy: dict[str, Any] = {}) -> tuple[Any, ...]:  # noqa: B006
    return ("t-write", {"act": act, "value": f"{TAG} {name}"}, {}, policy)


policies = st.sampled_from([{}, {"onError": "continue"}, RETRY, {**RETRY, "onError": "continue"}, {"onError": "ask"}])
leaves = st.one_of(
    st.just(PASS),
    # Read across segments: the latest result of a node that may be before, around or behind this one.
    st.integers(1, 6).map(lambda number: ("t-do", {"act": "give", "value": f"{{{{$jobsMapByNodeKey.n{number}}}}}"})),
    st.builds(
        write,
        st.sampled_from(["create", "create and fail", "create second time"]),
        st.text("ab", max_size=2),
        policies,
    ),
    st.builds(lambda policy: (*ODD, {}, policy), policies),
    st.integers(0, 9).map(lambda value: ("output", {"value": value})),
    st.integers(0, 3).map(lambda value: ("variable", {"target": "n1", "value": value})),
)  # fmt: skip


def branching(step: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    line = st.lists(step, min_size=1, max_size=3)
    forks = st.one_of(
        st.builds(condition, st.booleans(), st.dictionaries(st.integers(0, 1), line, max_size=2)),
        st.builds(
            lambda held, branches: cases(*held, branches=branches),
            st.lists(st.booleans(), min_size=2, max_size=2),
            st.dictionaries(st.integers(0, 2), line, max_size=3),
        ),
        st.builds(
            lambda rounds, inside, leave: loop(rounds, inside, exit=leave),
            st.integers(0, 3), line, st.integers(0, 2),
        ),
        st.builds(
            lambda mode, branches: parallel(mode, *branches),
            st.sampled_from(["all", "any", "race", "allSettled"]),
            st.lists(line, min_size=1, max_size=3),
        ),
        st.builds(
            lambda goes_on, branches: ("transaction", {"continueOnRollback": goes_on}, branches),
            st.booleans(),
            st.dictionaries(st.integers(0, 1), line, max_size=2),
        ),
    )  # fmt: skip
    return st.one_of(forks, st.builds(caught, st.one_of(step, forks), line), st.builds(retried, forks))


def caught(step: tuple[Any, ...], handler: Steps) -> tuple[Any, ...]:
    """The step with an error branch, its other policy kept."""
    kind, config, *rest = step
    branches, policy = (rest[0] if rest else {}), (rest[1] if len(rest) > 1 else {})
    return (kind, config, {**branches, ERROR_BRANCH: handler}, {**policy, "onError": "branch"})


def retried(step: tuple[Any, ...]) -> tuple[Any, ...]:
    kind, config, branches, *_policy = step
    return (kind, config, branches, RETRY)


trees = st.lists(st.recursive(leaves, branching, max_leaves=8), min_size=1, max_size=3)


class Died(BaseException):
    """Nothing catches it, as nothing catches a SIGKILL."""


@contextlib.contextmanager
def dying(statement: int) -> Iterator[None]:
    """From the n-th statement on, a commit counted as one, nothing reaches the database; 0 is never."""
    sent = 0

    def count() -> None:
        nonlocal sent
        sent += 1
        if statement and sent >= statement:
            # Django tidies up after any exception, which a dead process does not do: there is nothing left to keep.
            connection.connection.rollback()
            raise Died

    def look(execute: Callable[..., Any], *arguments: Any) -> Any:
        count()
        return execute(*arguments)

    commit = connection.commit
    connection.commit = lambda: (count(), commit())  # type: ignore[method-assign]
    try:
        with connection.execute_wrapper(look):
            yield
    except Died:
        connection.connection.close()
        # Whatever state it is in; the next statement connects anew.
        connection.connection = None
        close_side()
    finally:
        del connection.commit


def work(execution: Execution, deaths: Iterator[int]) -> Execution:
    """Drains until the run has ended, dying in each drain that `deaths` names a statement for."""
    for _ in range(MOST_CLAIMS):
        with dying(next(deaths, 0)):
            drain("sluice")
        execution.refresh_from_db()
        if execution.ended_at is not None:
            return execution
    pytest.fail("It never ends.")


def became(execution: Execution, tag: str) -> tuple[Any, ...]:
    """All that is kept, but for ids and times."""
    names = ("number", "node_key", "parent", "upstream", "status", "input", "result", "meta", "wait", "attempt")
    jobs = list(Job.objects.filter(execution=execution).order_by("number"))
    rows = Customer.objects.filter(name__startswith=f"{tag} ").order_by("pk").values_list("name", flat=True)
    return (
        (execution.status, execution.reason, execution.output, _plain(execution.error, tag)),
        [_plain({name: getattr(job, name) for name in names}, tag) for job in jobs],
        [[(entry["number"], entry["status"], entry["message"]) for entry in job.attempts or ()] for job in jobs],
        [_plain(row, tag) for row in rows],
    )


def _plain(value: Any, tag: str) -> str:
    return repr(value).replace(tag, "tag")


def run_of(workflow: Workflow) -> tuple[Execution, str]:
    tag = uuid4().hex[:8]
    execution = start(workflow, {"tag": tag})
    assert execution is not None
    return execution, tag


@pytest.fixture
def each_move(monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], None]:
    """Call it with whether segments shall end after each move, so that there are as many commits as can be."""
    usual = {name: getattr(segments, name) for name in ("ALONE_SECONDS", "HOST_SECONDS", "SQLITE_SECONDS")}

    def switch(on: bool) -> None:
        for name, seconds in usual.items():
            # A long run of a busy machine is cut nowhere, the other wherever it can be.
            monkeypatch.setattr(segments, name, 0 if on else max(seconds, 20))

    return switch


_SETTINGS = settings(
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@settings(_SETTINGS, max_examples=EXAMPLES)
@given(steps=trees, deaths=st.lists(st.integers(1, 25), max_size=12))
def test_deaths_between_any_two_statements_change_nothing(each_move, steps, deaths):
    workflow = build(steps, current=None, key=uuid4().hex[:16])
    each_move(False)
    straight, tag = run_of(workflow)
    expected = became(work(straight, iter(())), tag)
    each_move(True)
    killed, tag = run_of(workflow)
    assert became(work(killed, iter(deaths)), tag) == expected
    assert checker.faults() == []
    Execution.objects.all().delete()


@settings(_SETTINGS, max_examples=KILLS)
@given(steps=trees, side=st.sampled_from(["before", "after"]), commit=st.integers(1, 12))
def test_killed_processes_change_nothing(each_move, victim, settle, steps, side, commit):
    workflow = build(steps, current=None, key=uuid4().hex[:16])
    each_move(False)
    straight, tag = run_of(workflow)
    expected = became(work(straight, iter(())), tag)
    killed, tag = run_of(workflow)
    victim(side, commit, "--each-move")
    settle()
    killed.refresh_from_db()
    assert became(killed, tag) == expected
    Execution.objects.all().delete()
