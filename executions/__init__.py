"""What happened: runs of workflows. Public names: `start` and `run_now`; everything else is private."""

from typing import Any

__all__ = ["run_now", "start"]


def __getattr__(name: str) -> Any:
    # Loaded on first use: the module behind these names needs the app registry.
    if name in __all__:
        from executions import dispatcher

        return getattr(dispatcher, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
