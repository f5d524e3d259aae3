"""Runs: started, shown, stopped, retried and called back; in the call, and what is refused."""

from asking import MORE, client, executions, page, refused, show, start, tell, v2, work

# Demo's quick and slow; one that fails at its second node until somebody calls back; a synchronous one that doubles n,
# or fails.
quick, slow, fails, double, absent = MORE


def stop(workflow, execution):
    return client.stop_work_flow(v2.StopWorkFlowRequest(workflow_id=workflow, execution_id=execution))


def retry(workflow, execution):
    return client.retry_work_flow(v2.RetryWorkFlowRequest(workflow_id=workflow, execution_id=execution))


def call_back(workflow, execution, state, **body):
    request = v2.CreateCallbackWorkflowRequest(
        workflow_id=workflow,
        x_workflow_run_id=execution,
        x_workflow_state_id=state,
        body=v2.CallbackWorkflowRequestBody(**body),
    )
    return client.create_callback_workflow(request)


def sync(workflow, value):
    body = v2.FlowExecuteBody(input=value)
    return client.start_sync_workflow_execution(v2.StartSyncWorkflowExecutionRequest(workflow_id=workflow, body=body))


run = start(quick, {"n": "值"}, x_workflow_run_id="mine", x_create_time="1")
before = show(quick, run)
work()
after = show(quick, run, x_get_workflow_full_history_data=True)
tell([before.status, before.end_time, before.input, after.status, after.output, after.execution_id == run])
[sum_node, answer] = after.node_execution_details
tell([sum_node.node_name, sum_node.executions[0].status, sum_node.executions[0].output])
tell([isinstance(sum_node.executions[0].begin_time, int), answer.executions[0].error_message])
tell([refused(stop, quick, run), refused(retry, quick, run)])

run = start(slow)
work()
tell([show(slow, run).status, stop(slow, run).status_code, show(slow, run).status, refused(stop, slow, run)])
tell([refused(show, slow, "0"), refused(show, quick, run), refused(stop, absent, run), refused(retry, slow, "x")])

# Fails; again, with the same id; then somebody calls back.
run = start(fails)
work()
shown = show(fails, run)
waits = shown.node_execution_details[-1].node_id
tell(
    [
        shown.status,
        len(shown.node_execution_details),
        call_back(fails, run, waits, result="fail", error="No.").execution_id == run,
    ]
)
work()
tell([show(fails, run).status, retry(fails, run).status_code, show(fails, run).status])
work()
listed = executions(fails)
tell([len(listed), listed[0].execution_id == run, listed[0].status, page(fails, offset=0, limit=1).total])
tell(refused(retry, fails, run))
call_back(fails, run, waits, result="success", output={"well": "done"})
work()
shown = show(fails, run)
tell([shown.status, shown.execution_id == run, shown.node_execution_details[-1].executions[-1].output])
tell(
    [
        refused(call_back, fails, run, waits, result="success"),
        refused(call_back, fails, run, "nowhere", result="success"),
    ]
)

done = sync(double, {"n": 21})
tell([done.status, done.output, done.errors, done.begin_time <= done.end_time])
done = sync(double, {"n": "x"})
tell([done.status, done.output, len(done.errors), bool(done.errors[0].error_message)])
tell(
    [
        refused(sync, quick, {}),
        refused(sync, absent, {}),
        refused(start, absent),
        refused(retry, double, done.execution_id),
    ]
)
