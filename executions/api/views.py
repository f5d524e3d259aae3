"""Runs and jobs over HTTP. No rule lives here: everything goes through `operations` and `dispatcher`."""

from typing import Any

from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from executions import dispatcher, operations
from executions.api import serializers as shapes
from executions.api.filtersets import ExecutionFilter, JobFilter
from executions.models import Execution, Job
from workflows.api.base import RecordViewSet, missing, to_id
from workflows.api.serializers import Input
from workflows.errors import Refused
from workflows.models import Workflow


class ExecutionViewSet(RecordViewSet[Execution]):
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
    }
    inputs = {"cancel": Input, "pause": Input, "resume": Input, "rerun": shapes.Rerun}

    def destroy(self, request: Request, pk: str) -> Response:
        """Deletes a run that is queued or has ended, with its jobs; 409 for one that runs or waits."""
        execution = self.get_object()
        refused = operations.delete([execution.pk], by=request.user).refused
        if execution.pk in refused:
            raise Refused(refused[execution.pk])
        return Response(status=204)

    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        """Ends a run as aborted, reason manual_cancel."""
        self.body()
        return self.answer(operations.cancel(to_id(pk, Execution), by=request.user))

    @action(detail=True, methods=["post"])
    def pause(self, request: Request, pk: str) -> Response:
        """Stops a run between two steps until it is resumed."""
        self.body()
        return self.answer(operations.pause(to_id(pk, Execution), by=request.user))

    @action(detail=True, methods=["post"])
    def resume(self, request: Request, pk: str) -> Response:
        """Lets a paused run go on."""
        self.body()
        return self.answer(operations.resume(to_id(pk, Execution), by=request.user))

    @action(detail=True, methods=["post"])
    def rerun(self, request: Request, pk: str) -> Response:
        """From the head or from `node_id`: a started run goes on (200), an ended one comes again as a new run (201)."""
        found = to_id(pk, Execution)
        execution = operations.rerun(found, by=request.user, **self.body())
        return self.answer(execution, status=200 if execution.pk == found else 201)


class JobViewSet(RecordViewSet[Job]):
    """Jobs: those of one run in their order, or all, newest first."""

    queryset = Job.objects.all()
    record_class = shapes.JobSerializer
    filterset_class = JobFilter
    permissions = {
        "list": "executions.view_job",
        "retrieve": "executions.view_job",
        "complete": "executions.change_job",
        "fail": "executions.change_job",
    }
    inputs = {"complete": shapes.CompleteJob, "fail": shapes.FailJob}

    @property
    def keyset(self) -> str:  # type: ignore[override]
        return "number" if self.request.query_params.get("execution") else "-id"

    @action(detail=True, methods=["post"])
    def complete(self, request: Request, pk: str) -> Response:
        """Gives a waiting job its result; the run goes on."""
        return self.answer(operations.complete_job(to_id(pk, Job), by=request.user, **self.body()))

    @action(detail=True, methods=["post"])
    def fail(self, request: Request, pk: str) -> Response:
        """Ends a waiting job as a failure."""
        return self.answer(operations.fail_job(to_id(pk, Job), by=request.user, **self.body()))


class ExecuteView(RecordViewSet[Execution]):
    """Runs a workflow by hand, enabled or not, to its end or first wait."""

    queryset = Execution.objects.all()
    record_class = shapes.ExecutionSerializer
    permissions = {"execute": "workflows.execute_workflow"}
    inputs = {"execute": shapes.Execute}

    def execute(self, request: Request, workflow_pk: str) -> Response:
        """201 with the run; 200 with null where the values don't meet the trigger's condition."""
        values: Any = self.body().get("values")
        workflow = Workflow.objects.filter(pk=to_id(workflow_pk, Workflow)).first()
        if workflow is None:
            raise missing(Workflow, workflow_pk)
        execution = dispatcher.run_now(workflow, {} if values is None else values, by=request.user)
        if execution is None:
            return Response({"execution": None})
        names = self.asked_fields(shapes.ExecutionSerializer.Meta.fields)
        return Response({"execution": self.show(execution, names)}, status=201)
