"""What templates see while a run is worked on; everything is made and loaded on demand."""

from typing import TYPE_CHECKING, Any

from workflows.expressions.system import system_scope

if TYPE_CHECKING:
    from executions.run import Run


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
            return {}
        if key == "ctx":
            return self
        raise KeyError(key)
