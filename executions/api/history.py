"""Who changed a run, when, from where and why."""

from django.db.models import QuerySet
from django.utils.functional import cached_property

from executions.models import Execution
from workflows.api.base import missing, to_id
from workflows.api.history import HistoryViewSet
from workflows.models import HistoryEntry
from workflows.visibility import visible_rows


class ExecutionHistoryViewSet(HistoryViewSet):
    """What people did to an execution and its jobs; newest first."""

    permissions = {"list": "executions.view_execution"}

    def get_queryset(self) -> QuerySet[HistoryEntry]:
        return HistoryEntry.objects.of_execution(self.execution.pk)

    @cached_property
    def execution(self) -> Execution:
        """Raises `NotFound`."""
        pk = self.kwargs["execution_pk"]
        found = visible_rows(Execution.objects.filter(pk=to_id(pk, Execution)), self.request.user).only("id").first()
        if found is None:
            raise missing(Execution, pk)
        return found
