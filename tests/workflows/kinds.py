"""Node and workflow kinds made for tests, and ways to write down a tree of nodes."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from workflows import instructions, triggers
from workflows.errors import Invalid
from workflows.graph import Graph, GraphNode
from workflows.instructions.base import Branch, Instruction, NodeConfig
from workflows.models import Node, Workflow
from workflows.triggers.base import Trigger, TriggerConfig


class StepConfig(NodeConfig):
    amount: int = 0
    writes: str = ""
    wrong: bool = False


class Plain(Instruction[StepConfig]):
    type = "t-plain"
    title = "Plain"
    Config = StepConfig

    def check(self, config, workflow=None):
        if config.wrong:
            raise Invalid("This is wrong; leave it out.", field="wrong")

    def written_models(self, config):
        return [(config.writes, "add")] if config.writes else []


class Fork(Plain):
    """Any branch."""

    type = "t-fork"
    title = "Fork"
    branching = True
    shifts = True


class CasesConfig(NodeConfig):
    cases: int = 2


class Cases(Instruction[CasesConfig]):
    """Branches 0 up to its number of cases."""

    type = "t-cases"
    title = "Cases"
    branching = True
    Config = CasesConfig

    def branches(self, config):
        return [Branch(index, f"Case {index}") for index in range(config.cases)]


class TickConfig(TriggerConfig):
    every: int
    wrong: bool = False


class Tick(Trigger[TickConfig]):
    type = "t-tick"
    title = "Tick"
    Config = TickConfig

    def check(self, config, workflow=None):
        if config.wrong:
            raise Invalid("This is wrong; leave it out.", field="wrong")


class NeverSync(Tick):
    type = "t-never-sync"
    sync = False


@contextmanager
def kinds() -> Iterator[None]:
    """The kinds above are known inside, and forgotten after."""
    before = dict(instructions._registry), dict(triggers._registry)
    for kind in (Plain, Fork, Cases):
        instructions.register_instruction(kind)
    for trigger in (Tick, NeverSync):
        triggers.register_trigger(trigger)
    yield
    for registry, kept in zip((instructions._registry, triggers._registry), before, strict=True):
        registry.clear()
        registry.update(kept)


def graph(workflow: Workflow) -> Graph:
    return Graph(workflow, Node.objects.filter(workflow=workflow))


def outline(workflow: Workflow) -> str:
    """The tree by titles: "a b(0: c d; 1: e) f"."""
    head = graph(workflow).head
    return _line(head) if head else ""


def _line(head: GraphNode) -> str:
    return " ".join(node.title + _branches(node) for node in head.line())


def _branches(node: GraphNode) -> str:
    if not node.heads:
        return ""
    return "(" + "; ".join(f"{index}: {_line(head)}" for index, head in sorted(node.heads.items())) + ")"


def plant(workflow: Workflow, text: str) -> dict[str, Node]:
    """Saves the rows of an outline, without `editing`; answers them by title. Titles in capitals are forks."""
    nodes: dict[str, Node] = {}
    stack: list[tuple[Node | None, int | None]] = []
    before: Node | None = None
    index: int | None = None
    for token in text.replace("(", " ( ").replace(")", " ) ").replace(";", " ; ").split():
        if token == "(":
            stack.append((before, None))
        elif token == ")":
            before, index = stack.pop()[0], None
        elif token == ";":
            before = stack[-1][0]
        elif token.endswith(":"):
            before, index = stack[-1][0], int(token[:-1])
        else:
            node = Node.objects.create(
                workflow=workflow,
                title=token,
                type="t-fork" if token.isupper() else "t-plain",
                upstream=before,
                branch_index=index,
            )
            if before is not None and index is None:
                before.downstream = node
                before.save()
            nodes[token], before, index = node, node, None
    return nodes


def spare(**columns: Any) -> Workflow:
    """A current, disabled workflow without nodes."""
    return Workflow.objects.create(**{"type": "t-tick", "title": "A test", "current": True, **columns})
