"""Runs and jobs over HTTP. No rule lives here: everything goes through `operations` and `dispatcher`."""

from collections.abc import Callable, Collection, Sequence
from typing import Any, TypeVar

from django.db.models import Model, QuerySet
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from executions import masking, once, operations
from executions.api import described, expanding
from executions.api import serializers as shapes
from executions.hidden import hide_ancestors
from executions.listing.filtersets import ExecutionFilter, JobFilter
from executions.listing.statuses import job_status_name, status_name
from executions.models import Execution, Job
from workflows import sensitivity
from workflows.api.base import RecordViewSet, missing, to_id
from workflows.api.parameters import EXCLUDE, FIELDS, REASON, flag
from workflows.api.serializers import Reasoned
from workflows.errors import Busy, Refused
from workflows.models import Workflow
from workflows.visibility import visible, visible_rows

M = TypeVar("M", bound=Model)


class OperatedViewSet(RecordViewSet[M]):
    """Reads records, and lets people operate on their runs. What does not fit is answered with how things stand."""

    #: Runs whose masked values this request shows.
    revealed: frozenset[int] = frozenset()

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        # Before anything is done: a refusal changes nothing.
        self.asked_fields(self.record_class.Meta.fields)

    def operated(self, pk: str) -> int:
        """The id to operate on. Raises `NotFound`, also for what the user may not see."""
        model = self.record_class.Meta.model
        found: int | None = self.get_queryset().filter(pk=to_id(pk, model)).values_list("pk", flat=True).first()
        if found is None:
            raise missing(model, pk)
        return found

    def handle_exception(self, exc: Exception) -> Response:
        # Read first: the answer to an error may mark the transaction as broken.
        standing = self.standing() if isinstance(exc, Refused | Busy) else {}
        response: Response = super().handle_exception(exc)
        if standing:
            response.data = {**response.data, **standing}
        return response

    def standing(self) -> dict[str, Any]:
        """The present status of what the path names, by kind."""
        raise NotImplementedError


class ExecutionViewSet(OperatedViewSet[Execution]):
    """Runs, newest first. Context and output are in a list only where `fields` asks for them."""

    queryset = Execution.objects.all()
    record_class = shapes.ExecutionSerializer
    filterset_class = ExecutionFilter
    permissions = {
        "list": "executions.view_execution",
        "retrieve": "executions.view_execution",
        "destroy": "executions.delete_execution",
        "cancel": "executions.cancel_execution",
        "pause": "executions.pause_execution",
        "resume": "executions.pause_execution",
        "rerun": "executions.rerun_execution",
        "reveal": sensitivity.PERMISSION,
    }
    inputs = {
        "reveal": Reasoned,
        "cancel": Reasoned,
        "pause": Reasoned,
        "resume": Reasoned,
        "destroy": Reasoned,
        "rerun": shapes.Rerun,
    }
    parameters = {"*": [expanding.EXPAND], "destroy": [REASON]}
    answers = {"rerun": {200: shapes.ExecutionSerializer, 201: shapes.ExecutionSerializer}}
    state_columns = ("turn", "updated_at")
    conditional = ("retrieve",)
    #: What the request asks to have loaded along.
    expanded: frozenset[str] = frozenset()

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        self.expanded = frozenset(expanding.asked(request))

    def get_queryset(self) -> QuerySet[Execution]:
        return visible_rows(super().get_queryset(), self.request.user)

    def decorate(self, records: Sequence[Execution], names: Collection[str]) -> None:
        hide_ancestors(records, self.request.user)
        masking.hide_runs(records, revealed=self.revealed)

    def load(self, queryset: QuerySet[Execution], names: Collection[str]) -> QuerySet[Execution]:
        along = (column for name in self.expanded for column in expanding.COLUMNS.get(name, ()))
        return super().load(queryset, {*names, *along})

    def show(self, record: Any, names: Collection[str], *, many: bool = False) -> Any:
        shown = super().show(record, names, many=many)
        if not self.expanded:
            return shown
        runs = record if many else [record]
        added = expanding.expand(runs, self.expanded, self.request, many=many, revealed=self.revealed)
        rows = [{**row, **more} for row, more in zip(shown if many else [shown], added, strict=True)]
        return rows if many else rows[0]

    def standing(self) -> dict[str, Any]:
        return standing(Execution.objects.filter(pk=to_id(self.kwargs["pk"], Execution)))

    def destroy(self, request: Request, pk: str) -> Response:
        """Deletes a run that is queued or has ended, with its jobs; 409 for one that runs or waits."""
        reason = self.body().get("reason") or request.query_params.get("reason")
        found = self.operated(pk)
        refused = operations.delete([found], by=request.user, reason=reason).refused
        if found in refused:
            raise Refused(refused[found])
        return Response(status=204)

    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        """Ends a run as aborted, reason manual_cancel."""
        return self._operate(operations.cancel, pk)

    @action(detail=True, methods=["post"])
    def pause(self, request: Request, pk: str) -> Response:
        """Stops a run between two steps until it is resumed."""
        return self._operate(operations.pause, pk)

    @action(detail=True, methods=["post"])
    def resume(self, request: Request, pk: str) -> Response:
        """Lets a paused run go on."""
        return self._operate(operations.resume, pk)

    @action(detail=True, methods=["post"])
    def reveal(self, request: Request, pk: str) -> Response:
        """The run with the values that are masked elsewhere, with `expand=jobs` its jobs too; the history tells who."""
        found = self.operated(pk)
        masking.reveal(found, by=request.user, **self.body())
        self.revealed = frozenset({found})
        return self.answer(self.get_object())

    def _operate(self, operation: Callable[..., Execution], pk: str) -> Response:
        return self.answer(operation(self.operated(pk), by=self.request.user, **self.body()))

    @action(detail=True, methods=["post"])
    def rerun(self, request: Request, pk: str) -> Response:
        """From the head, from `node_id` or, with `failed`, from the node whose failure ended it: a started run goes on
        (200), an ended one comes again as a new run (201)."""
        found = self.operated(pk)
        execution = operations.rerun(found, by=request.user, **self.body())
        return self.answer(execution, status=200 if execution.pk == found else 201)


def standing(runs: QuerySet[Execution]) -> dict[str, Any]:
    """{"execution": its status at this moment}; empty where the run is gone."""
    for pk, status, paused_at in runs.values_list("pk", "status", "paused_at")[:1]:
        return {
            "execution": {
                "id": pk,
                "status": status,
                "status_name": status_name(status),
                "paused": paused_at is not None,
            }
        }
    return {}


class JobViewSet(OperatedViewSet[Job]):
    """Jobs: those of one run in their order, or all, newest first."""

    queryset = Job.objects.all()
    record_class = shapes.JobSerializer
    filterset_class = JobFilter
    permissions = {
        "list": "executions.view_job",
        "retrieve": "executions.view_job",
        "complete": "executions.change_job",
        "fail": "executions.change_job",
        "reveal": sensitivity.PERMISSION,
    }
    inputs = {"complete": shapes.CompleteJob, "fail": shapes.FailJob, "reveal": Reasoned}

    def get_queryset(self) -> QuerySet[Job]:
        return visible_rows(super().get_queryset(), self.request.user, key="execution__key")

    def decorate(self, records: Sequence[Job], names: Collection[str]) -> None:
        masking.hide_jobs(records, revealed=self.revealed)

    @property
    def keyset(self) -> str:  # type: ignore[override]
        return "number" if self.request.query_params.get("execution") else "-id"

    def standing(self) -> dict[str, Any]:
        jobs = Job.objects.filter(pk=to_id(self.kwargs["pk"], Job))
        for pk, status, execution_id in jobs.values_list("pk", "status", "execution_id")[:1]:
            shown = {"id": pk, "status": status, "status_name": job_status_name(status)}
            return {"job": shown, **standing(Execution.objects.filter(pk=execution_id))}
        return {}

    @action(detail=True, methods=["post"])
    def complete(self, request: Request, pk: str) -> Response:
        """Gives a waiting job its result; the run goes on."""
        return self.answer(operations.complete_job(self.operated(pk), by=request.user, **self.body()))

    @action(detail=True, methods=["post"])
    def reveal(self, request: Request, pk: str) -> Response:
        """The job with the values that are masked elsewhere; the history tells who asked."""
        job = self.get_object()
        if job.execution_id is not None:
            masking.reveal(job.execution_id, by=request.user, node_key=job.node_key, **self.body())
            self.revealed = frozenset({job.execution_id})
        return self.answer(job)

    @action(detail=True, methods=["post"])
    def fail(self, request: Request, pk: str) -> Response:
        """Ends a waiting job as a failure."""
        return self.answer(operations.fail_job(self.operated(pk), by=request.user, **self.body()))


class ExecuteView(RecordViewSet[Execution]):
    """Runs a workflow by hand, enabled or not, to its end or first wait."""

    queryset = Execution.objects.all()
    record_class = shapes.ExecutionSerializer
    permissions = {"execute": "workflows.execute_workflow"}
    throttle_scope = "execute"
    inputs = {"execute": shapes.Execute}
    answers = {"execute": {200: described.NOTHING_BEGUN, 201: described.BEGUN, 202: described.BEGUN}}
    parameters = {"execute": [FIELDS, EXCLUDE, described.ASYNC, described.IDEMPOTENCY_KEY]}
    refusals = {"execute": (422,)}

    def execute(self, request: Request, workflow_pk: str) -> Response:
        """Runs a version: 201 with the run, 202 if only queued, 200 with null where the trigger's condition is not met.

        With an Idempotency-Key the same request may be sent again: it answers the run that the first one began.
        """
        values: Any = self.body().get("values")
        queued = flag(request, "async")
        names = self.asked_fields(shapes.ExecutionSerializer.Meta.fields)
        found = visible(Workflow.objects.filter(pk=to_id(workflow_pk, Workflow)), request.user).first()
        if found is None:
            raise missing(Workflow, workflow_pk)
        key = request.headers.get("Idempotency-Key")
        asked = once.execute(found, {} if values is None else values, by=request.user, key=key, queued=queued)
        if asked.execution is None:
            return Response({"execution": None})
        masking.hide_runs([asked.execution])
        headers = {"Idempotency-Replayed": "true"} if asked.again else None
        shown = {"execution": self.show(asked.execution, names)}
        return Response(shown, status=202 if queued else 201, headers=headers)
