"""What can't stand inside a transaction, and what had better not (spec 3.5, 5.31)."""

from django.utils.translation import gettext as _

from workflows.errors import Invalid, SluiceError
from workflows.graph import GraphNode
from workflows.instructions.base import Effect


def refusal(node: GraphNode) -> str | None:
    """Why the node can't stand where it does: it waits, and nothing of a transaction is kept until its end."""
    block = enclosing(node)
    if block is None or not waits(node):
        return None
    return _(
        "A node of type %(type)s waits, which none can inside the transaction %(block)s; put it outside of that."
    ) % {
        "type": node.type,
        "block": block.title or block.key,
    }


def remark(node: GraphNode) -> str | None:
    """What a step that calls the world can't be spared inside a transaction."""
    block = enclosing(node)
    if block is None or not _calls(node):
        return None
    return _(
        "This step calls the world inside the transaction %s: a rollback can't take the call back, a crash repeats it, "
        "and the rows written before it stay locked for as long."
    ) % (block.title or block.key)


def check(node: GraphNode, field: str) -> None:
    """Raises `Invalid` (`field`) if the node, or one in its branches, can't stand where it does."""
    for each in (node, *node.below()):
        if message := refusal(each):
            raise Invalid(message, field=field)


def enclosing(node: GraphNode) -> GraphNode | None:
    """The node whose transaction this one stands in."""
    try:
        return node.block
    except SluiceError:
        return None  # a kind that nobody here knows: told by the other checks


def waits(node: GraphNode) -> bool:
    """Whether it always waits, and so can't stand in a transaction."""
    try:
        return node.instruction.waits_of(node.config)
    except SluiceError:
        return False


def _calls(node: GraphNode) -> bool:
    try:
        return node.effect is Effect.EXTERNAL
    except SluiceError:
        return False
