"""Jobs of runs (spec nocobase-http 4.5)."""

from typing import Any

from django.utils.translation import gettext as _

from executions import operations
from executions.dialects.nocobase.resources.base import Answer, Resource, action
from executions.dialects.nocobase.resources.parents import Inside
from executions.dialects.nocobase.resources.records import JobRecord
from workflows.errors import Invalid
from workflows.statuses import JobStatus


class Jobs(Resource):
    name = "jobs"
    record = JobRecord

    @action("executions.view_job", reads=True)
    def list(self) -> Answer:
        return self.listed()

    @action("executions.view_job", reads=True)
    def get(self) -> Answer:
        return self.got()

    @action("executions.change_job")
    def resume(self) -> Answer:
        """Ends a job that waits with this status and result; its run goes on."""
        values = self.call.values
        status: Any = values.get("status", JobStatus.RESOLVED.value)
        if isinstance(status, bool) or not isinstance(status, int):
            raise Invalid(_("A status is a whole number."), field="status")
        finish = operations.complete_job if status > 0 else operations.fail_job
        job = finish(self.one("Job not found").pk, result=values.get("result"), status=status, by=self.user)
        return Answer(self.shown([job])[0], status=202)


class ExecutionJobs(Inside, Jobs):
    """Those of one run."""

    name = "executions.jobs"
    offered = ("list", "get")
    column = "execution_id"
