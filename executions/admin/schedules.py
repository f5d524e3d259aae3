"""What a schedule will do, on its workflow's page."""

from typing import Any

from django.template.loader import render_to_string

from executions.schedules.outlook import outlook
from workflows.errors import SluiceError
from workflows.models import Workflow
from workflows.triggers.schedule import ScheduleTrigger
from workflows.triggers.schedule_words import moment


def schedule_part(workflow: Workflow, user: Any) -> str:
    """Its words and its next fires; the user may view the page, and so these."""
    if workflow.type != ScheduleTrigger.type:
        return ""
    known: dict[str, Any] = {"workflow": workflow}
    try:
        found = outlook(workflow)
    except SluiceError as error:
        known["error"] = error
    else:
        fires = [(fire.at.isoformat(), moment(fire.at, found.zone), fire.row) for fire in found.fires]
        known |= {"outlook": found, "fires": fires}
    return render_to_string("admin/executions/schedule.html", known)
