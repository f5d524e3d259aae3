"""Any sequence of edits, made to a workflow and to a model of nested lists."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.workflows.kinds import graph, outline, spare
from workflows import editing
from workflows.errors import Invalid
from workflows.models import Node
from workflows.policy import ERROR_BRANCH

pytestmark = [pytest.mark.engine, pytest.mark.django_db, pytest.mark.usefixtures("registered")]


class Step:
    """A node of the model: a name and lines of nodes by branch."""

    def __init__(self, name, fork):
        self.name = name
        self.fork = fork
        self.branches = {}

    def all(self):
        yield self
        for line in self.branches.values():
            for step in line:
                yield from step.all()


class Model:
    def __init__(self):
        self.line = []
        self.made = 0

    def all(self):
        return [found for step in self.line for found in step.all()]

    def where(self, step):
        """The line a step stands in, and its position there."""
        lines = [self.line, *(line for one in self.all() for line in one.branches.values())]
        return next((line, line.index(step)) for line in lines if step in line)

    def new(self, like=None):
        self.made += 1
        return Step(f"n{self.made}", like.fork if like else self.made % 2 == 1)

    def insert(self, step, upstream, index):
        if upstream is None:
            self.line.insert(0, step)
        elif index is None:
            line, position = self.where(upstream)
            line.insert(position + 1, step)
        else:
            upstream.branches.setdefault(index, []).insert(0, step)

    def stands(self, step, upstream, index):
        """Whether it is there already."""
        line, position = self.where(step)
        if upstream is None:
            return line is self.line and position == 0
        if index is None:
            return position > 0 and line[position - 1] is upstream
        return position == 0 and upstream.branches.get(index) is line

    def remove(self, step, keep):
        line, position = self.where(step)
        line[position : position + 1] = step.branches[keep] if keep is not None else []

    def remove_branch(self, step, index, shift):
        step.branches.pop(index, None)
        if shift:
            lower = {i: i - 1 if i else i - 2 for i in step.branches if i > index and i != ERROR_BRANCH}
            step.branches = {lower.get(i, i): line for i, line in step.branches.items()}

    def text(self):
        return " ".join(map(self._text, self.line))

    def _text(self, step):
        branches = [
            f"{index}: {' '.join(map(self._text, line))}" for index, line in sorted(step.branches.items()) if line
        ]
        return f"{step.name}({'; '.join(branches)})" if branches else step.name


class Twins:
    """The same edits made to the model and to a workflow."""

    def __init__(self):
        self.model = Model()
        self.workflow = spare()
        self.nodes = {}

    def node(self, step):
        return Node.objects.get(pk=self.nodes[step.name]) if step else None

    def pick(self, number):
        steps = self.model.all()
        return steps[number % len(steps)] if steps else None

    def place(self, number, index):
        steps = [None, *self.model.all()]
        upstream = steps[number % len(steps)]
        branches = upstream is not None and (upstream.fork or index == ERROR_BRANCH)
        return upstream, index if branches else None

    def add(self, a, b, index):
        step, (upstream, index) = self.model.new(), self.place(a, index)
        kind = "t-fork" if step.fork else "t-plain"
        node = editing.add_node(
            self.workflow, type=kind, title=step.name, upstream=self.node(upstream), branch_index=index
        )
        self.nodes[step.name] = node.pk
        self.model.insert(step, upstream, index)

    def copy(self, a, b, index):
        origin, (upstream, index) = self.pick(b), self.place(a, index)
        if origin is None:
            return
        step = self.model.new(origin)
        node = editing.copy_node(self.node(origin), upstream=self.node(upstream), branch_index=index)
        self.nodes[step.name] = node.pk
        Node.objects.filter(pk=node.pk).update(title=step.name)
        self.model.insert(step, upstream, index)

    def move(self, a, b, index):
        step, (upstream, index) = self.pick(b), self.place(a, index)
        if step is None:
            return
        refused = upstream in step.all() or self.model.stands(step, upstream, index)
        try:
            editing.move_node(self.node(step), upstream=self.node(upstream), branch_index=index)
        except Invalid:
            assert refused
            return
        assert not refused
        line, position = self.model.where(step)
        del line[position]
        self.model.insert(step, upstream, index)

    def remove(self, a, b, index):
        step = self.pick(b)
        if step is None:
            return
        keep = index if step.branches.get(index) and a % 2 else None
        editing.remove_node(self.node(step), keep_branch=keep)
        self.model.remove(step, keep)

    def remove_branch(self, a, b, index):
        step = self.pick(b)
        if step is None or not (step.fork or index == ERROR_BRANCH):
            return
        shift = a % 2 == 1 and index != ERROR_BRANCH
        editing.remove_branch(self.node(step), index, shift=shift)
        self.model.remove_branch(step, index, shift)


operations = st.sampled_from(["add", "add", "add", "copy", "move", "move", "move", "remove", "remove_branch"])
numbers = st.integers(0, 40)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(edits=st.lists(st.tuples(operations, numbers, numbers, st.integers(-1, 3)), min_size=1, max_size=30))
def test_any_sequence_of_edits_keeps_the_tree(edits):
    twins = Twins()
    for name, *arguments in edits:
        getattr(twins, name)(*arguments)
        # `graph` refuses rows that form no tree.
        assert outline(twins.workflow) == twins.model.text()
        assert len(graph(twins.workflow).nodes) == len(twins.model.all())
