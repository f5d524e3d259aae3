"""What stands in nobody's way but may not be meant, told in messages."""

from collections.abc import Sequence

from django.contrib import messages
from django.http import HttpRequest
from django.utils.translation import ngettext

from workflows.models import Node, Workflow
from workflows.problems import Problem, problems_of_version, strangers

#: Warnings of one request that are told.
_MOST = 5


def warn(request: HttpRequest, workflows: Sequence[Workflow]) -> None:
    """Tells the warnings of versions that were enabled, such as a task that nobody can answer."""
    found: list[tuple[Workflow, Problem]] = []
    for workflow in workflows:
        problems = problems_of_version(workflow, by=request.user)
        found += [(workflow, problem) for problem in problems if problem.severity == "warning"]
    shown = found[:_MOST]
    rows = Node.objects.filter(workflow__in={workflow.pk for workflow, _problem in shown}) if shown else ()
    titles = {(node.workflow_id, node.key): node.title for node in rows}
    for workflow, problem in shown:
        where = titles.get((workflow.pk, problem.node or "")) or problem.field
        whose = f"{workflow}: " if len(workflows) > 1 else ""
        messages.warning(request, f"{whose}“{where}”: {problem.message}")
    if left := len(found) - len(shown):
        messages.warning(request, ngettext("… and %d more warning.", "… and %d more warnings.", left) % left)


def of_people(node: Node) -> list[str]:
    """Sentences on those whom a node names and who are no active users."""
    return [sentence for _path, _place, sentence in strangers({"": node})][:_MOST]
