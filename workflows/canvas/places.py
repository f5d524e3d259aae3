"""The places that may take a node which is moved; `editing` decides in the end by the same rules."""

from workflows import blocks
from workflows.canvas.layout import Part, lay_out
from workflows.graph import Graph, GraphNode


def allowed(graph: Graph, node: GraphNode) -> list[Part]:
    """Not where it stands, not inside itself, and, if it waits, not inside a transaction."""
    moved = (node, *node.below())
    waits = any(blocks.waits(each) for each in moved)
    barred = {each.id for each in moved}
    here = (node.upstream.id if node.upstream else None, node.branch_index)
    return [
        place
        for place in lay_out(graph, places=True).places
        if (place.node.id if place.node else None) not in barred
        and (place.node.id if place.node else None, place.index) != here
        and not (waits and _in_block(place))
    ]


def _in_block(place: Part) -> bool:
    if place.node is None:
        return False
    # Who would stand there.
    parent = place.node.parent if place.index is None else place.node
    stand_in = GraphNode(0, "", "", "", {}, {}, place.index, upstream=place.node, parent=parent)
    return blocks.enclosing(stand_in) is not None
