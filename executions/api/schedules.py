"""What a schedule will do, over HTTP."""

from dataclasses import asdict
from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from executions.schedules.outlook import outlook
from workflows.api.base import RecordViewSet, missing, to_id
from workflows.api.serializers import WorkflowSerializer
from workflows.api.shapes import register
from workflows.models import Workflow
from workflows.visibility import visible

_FIRE = {
    "type": "object",
    "required": ["at", "row"],
    "properties": {"at": {"type": "string", "format": "date-time"}, "row": {"type": "string", "nullable": True}},
}
_PROPERTIES: dict[str, Any] = {
    "words": {"type": "string"},
    "time_zone": {"type": "string"},
    "enabled": {"type": "boolean"},
    "fires": {"type": "array", "maxItems": 5, "items": _FIRE},
    "fired": {"type": "integer"},
    "limit": {"type": "integer", "nullable": True},
    "remarks": {"type": "array", "items": {"type": "string"}},
}
_OUTLOOK = register("Outlook", {"type": "object", "required": list(_PROPERTIES), "properties": _PROPERTIES})


class FiresView(RecordViewSet[Workflow]):
    """The next fires of a schedule."""

    queryset = Workflow.objects.all()
    record_class = WorkflowSerializer
    permissions = {"fires": "workflows.view_workflow"}
    answers = {"fires": {200: _OUTLOOK}}
    refusals = {"fires": (400,)}

    def fires(self, request: Request, workflow_pk: str) -> Response:
        """The schedule in words and its next five fires in its zone: of a disabled version as if it were not."""
        found = visible(Workflow.objects.filter(pk=to_id(workflow_pk, Workflow)), request.user).first()
        if found is None:
            raise missing(Workflow, workflow_pk)
        shown = asdict(outlook(found))
        zone = shown.pop("zone")
        return Response({**shown, "time_zone": str(zone)})
