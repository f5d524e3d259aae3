"""ReportTaskSucceeded and ReportTaskFailed: what a callback brings, once."""

import json

import pytest

from executions import operations
from executions.drain import drain_all
from executions.models import Execution, Job
from executions.tasktokens import token_of
from tests.building import build
from tests.executions.dialects.cloudflow.client import CloudFlow
from tests.people import person

pytestmark = pytest.mark.django_db


@pytest.fixture
def job(cloud):
    build([("callback", {}), ("output", {"value": "{{$jobsMapByNodeKey.n1}}"})], name="flow")
    cloud("StartExecution", FlowName="flow", ExecutionName="e")
    drain_all()
    return Job.objects.get()


@pytest.mark.django_db(transaction=True)
def test_a_success_brings_its_output(cloud, job):
    found = cloud("ReportTaskSucceeded", TaskToken=token_of(job), Output='{"a": "值"}')
    drain_all()
    run = cloud("DescribeExecution", FlowName="flow", ExecutionName="e")
    assert (run["Status"], json.loads(run["Output"])) == ("Succeeded", {"a": "值"})
    events = cloud("GetExecutionHistory", FlowName="flow", ExecutionName="e")["Events"]
    kinds = [event["Type"] for event in events]
    assert kinds[3:6] == ["TaskScheduled", "TaskStarted", "TaskSubmitted"]
    assert events[found["EventId"] - 1]["Type"] == "StepExited"


@pytest.mark.django_db(transaction=True)
def test_a_failure_ends_the_run(cloud, job):
    found = cloud("ReportTaskFailed", TaskToken=token_of(job), Error="Broken", Cause="It fell.")
    assert found["EventId"] > 0
    drain_all()
    assert cloud("DescribeExecution", FlowName="flow", ExecutionName="e")["Status"] == "Failed"
    told = {"ErrorCode": "Broken", "ErrorMessage": "It fell.", "message": "Broken: It fell."}
    assert Job.objects.get().result == told


@pytest.mark.parametrize(
    ("action", "given"), [("ReportTaskSucceeded", {"Output": "{}"}), ("ReportTaskFailed", {"Error": "Broken"})]
)
class TestEither:
    def test_once(self, cloud, job, action, given):
        cloud(action, TaskToken=token_of(job), **given)
        cloud.refused(action, "TaskAlreadyCompleted", TaskToken=token_of(job), **given)

    @pytest.mark.django_db(transaction=True)
    def test_not_by_a_token_from_before_it_was_asked_for_again(self, cloud, job, action, given):
        old, run = token_of(job), Execution.objects.get()
        operations.rerun(run.pk, overwrite=True)
        drain_all()
        cloud.refused(action, "TaskAlreadyCompleted", TaskToken=old, **given)
        cloud(action, TaskToken=Job.objects.get().result["token"], **given)

    def test_not_after_the_runs_end(self, cloud, job, action, given):
        operations.cancel(Execution.objects.get().pk)
        cloud.refused(action, "TaskAlreadyCompleted", TaskToken=token_of(job), **given)

    @pytest.mark.parametrize("token", ["x", "1", "a" * 5000, "中文", "1-1", "%00"])
    def test_no_token(self, cloud, job, action, given, token):
        assert cloud.refused(action, "InvalidArgument", TaskToken=token, **given).startswith("TaskToken")

    def test_another_kind_of_wait(self, cloud, action, given):
        build([("delay", {"duration": 1, "unit": 3_600_000})], name="slow")
        cloud("StartExecution", FlowName="slow")
        drain_all()
        cloud.refused(action, "TaskInvalidState", TaskToken=token_of(Job.objects.get()), **given)

    def test_a_token_of_what_one_may_not_see_is_none(self, cloud, job, action, given):
        other = build([], name="other")
        mine = CloudFlow(person("executions.change_job"), workflows=[other.key])
        mine.refused(action, "InvalidArgument", TaskToken=token_of(job), **given)

    def test_a_deleted_run(self, cloud, job, action, given):
        token = token_of(job)
        Job.objects.all().delete()
        cloud.refused(action, "InvalidArgument", TaskToken=token, **given)

    def test_without_a_token(self, cloud, action, given):
        cloud.refused(action, "MissingRequiredParams", **given)


@pytest.mark.parametrize(("name", "value"), [("Error", "x" * 129), ("Cause", "x" * 4097)])
def test_failures_are_bounded(cloud, job, name, value):
    given = {"TaskToken": token_of(job), "Error": "Broken", name: value}
    assert cloud.refused("ReportTaskFailed", "InvalidArgument", **given).startswith(name)


@pytest.mark.parametrize("output", ["{", "text", '{"a": NaN}'])
def test_an_output_is_json(cloud, job, output):
    given = {"TaskToken": token_of(job), "Output": output}
    assert cloud.refused("ReportTaskSucceeded", "InvalidArgument", **given).startswith("Output")


def test_an_output_has_64_kib_at_most(cloud, job):
    cloud.refused("ReportTaskSucceeded", "EntityTooLarge", TaskToken=token_of(job), Output=json.dumps("x" * 65_536))
