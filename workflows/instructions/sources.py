"""What the kinds that search JSON share."""

from typing import Any

from workflows.instructions.loop_target import MOST_SHOWN


def shown(source: Any) -> Any:
    """The source for the job's input: of a long list the length alone, for it stands elsewhere in the run as a rule."""
    return {"length": len(source)} if isinstance(source, list | tuple) and len(source) > MOST_SHOWN else source
