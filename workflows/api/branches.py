"""Which branches a node has, for whoever names one in an address."""

from django.utils.translation import gettext as _

from workflows.errors import Invalid, NotFound
from workflows.instructions import get_instruction
from workflows.models import Node
from workflows.policy import ERROR_BRANCH


def check_branch(node: Node, index: int, *, shift: bool) -> None:
    """Raises `NotFound` ("branch_index") for one that holds no nodes and that the node's kind does not speak of either.

    The error branch any node has. With `shift` a gap below other branches is one, too: it can be closed.
    """
    below = Node.objects.filter(upstream=node.pk).values_list("branch_index", flat=True)
    filled = {found for found in below if found is not None}
    known = filled | _declared(node) | {ERROR_BRANCH}
    if index in known or (shift and any(other > index for other in filled - {ERROR_BRANCH})):
        return
    raise NotFound(
        _("Node %(node)s has no branch %(index)s; it has: %(known)s.")
        % {"node": node, "index": index, "known": ", ".join(map(str, sorted(known))) or _("none")},
        field="branch_index",
    )


def _declared(node: Node) -> set[int]:
    try:
        instruction = get_instruction(node.type)
        return {branch.index for branch in instruction.branches(instruction.parse(node.config)) or ()}
    except Invalid:
        # Of a kind that is no longer registered, or wrong in itself: what is there can still be deleted.
        return set()
