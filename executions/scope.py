"""What steps are handed, and what templates see in them; everything is made and loaded on demand."""

from typing import TYPE_CHECKING, Any

from executions.recording import call_key, why
from workflows.expressions.system import system_scope
from workflows.instructions.base import Step, StepJob

if TYPE_CHECKING:
    from executions.run import Run
    from executions.runclock import Clock
    from executions.runjob import RunJob
    from workflows.graph import GraphNode


class _Lazy(dict[str, Any]):
    """A dict whose missing keys are looked up once; absent ones are remembered by nobody and raise KeyError."""

    __slots__ = ()

    def get(self, key: str, default: Any = None) -> Any:
        try:
            return self[key]
        except KeyError:
            return default

    def __contains__(self, key: object) -> bool:
        try:
            self[key]  # type: ignore[index]
        except KeyError:
            return False
        return True


class Results(_Lazy):
    """`$jobsMapByNodeKey`: the latest result of each node, by node key. Never kept: a later job changes it."""

    __slots__ = ("_run",)

    def __init__(self, run: "Run") -> None:
        super().__init__()
        self._run = run

    def __missing__(self, key: str) -> Any:
        node = self._run.graph.by_key.get(key)
        job = self._run.latest(node.id) if node is not None else None
        if job is None:
            raise KeyError(key)
        return job.result


class Scope(_Lazy):
    """The root of what templates see under one parent job."""

    __slots__ = ("_locals", "_run")

    def __init__(self, run: "Run", local_scopes: dict[str, Any]) -> None:
        super().__init__()
        self._run = run
        self._locals = local_scopes

    def __missing__(self, key: str) -> Any:
        value = self._make(key)
        self[key] = value
        return value

    def _make(self, key: str) -> Any:
        if key == "$context":
            return self._run.context
        if key == "$jobsMapByNodeKey":
            return Results(self._run)
        if key == "$scopes":
            return self._locals
        if key == "$system":
            return system_scope()
        if key == "$env":
            return self._run.env
        if key == "ctx":
            return self
        raise KeyError(key)


class Steps:
    """Makes the steps of one run, each with the scope of its place."""

    def __init__(self, run: "Run", clock: "Clock") -> None:
        self._run = run
        self._clock = clock
        self._main = Scope(run, {})

    def step(self, node: "GraphNode", parent: int | None, job: "RunJob | None", previous: StepJob | None) -> Step:
        """A step of this node under this parent job; without a `job` of its own yet, it will have the next number."""
        number = job.number if job is not None else self._run.last_number + 1
        return Step(
            node,
            self._main if parent is None else self._below(parent, node),
            self._clock.now(),
            previous,
            job,
            job.attempt if job is not None else 1,
            self._run.id,
            call_key(self._run.id, number, job.attempts if job is not None else None),
            node.policy.timeout / 1000 if node.policy.timeout else None,
            self._run.answer is not None,
        )

    def _below(self, parent: int, inner: "GraphNode") -> Scope:
        """What templates of `inner` see below this job. Never kept: loops change theirs each round."""
        run = self._run
        number: int | None = parent
        chain = []
        while number is not None:
            job = run.job(number)
            chain.append(job)
            number = job.parent
        local_scopes: dict[str, Any] = {}
        scope = Scope(run, local_scopes)
        for job in reversed(chain):
            node = run.graph.nodes[job.node_id]
            if node.takes_error(inner):
                found: dict[str, Any] | None = _error_of(job)
            else:
                step = Step(node, scope, self._clock.now(), None, job, job.attempt, run.id)
                found = node.instruction.local_scope(step)
            if found is not None:
                local_scopes[node.key] = found
                local_scopes[str(node.id)] = found
        return scope


def _error_of(job: "RunJob") -> dict[str, Any]:
    """What an error branch is told; `workflows.variables.ERROR_SHAPE` says so to people."""
    return {
        "message": why(job),
        "status": int(job.status),
        "attempts": job.attempt,
        "result": job.result,
    }
