"""Lists: every filter, every limit, windows, and paging to the end while new runs begin."""

from asking import MORE, client, executions, make, page, refused, start, tell, v2

# A workflow with 450 runs, 5 of each minute from 2026-03-10 12:00 on, by turns success, fail, running, timeout, cancel;
# one that is begun here; one that is not there.
flow, quick, absent = MORE
FAR = {"start_time": "2026-03-10T12:00:00Z"}

tell([len(executions(flow, **FAR)), len(executions(flow, limit=201, **FAR)), len(executions(flow, limit=7, **FAR))])
tell([len(executions(flow, limit=200, offset=offset, **FAR)) for offset in (-1, 400, 450, 10**12)])
tell(
    {
        status: len(executions(flow, status=status, **FAR))
        for status in ("success", "fail", "running", "timeout", "cancel")
    }
)
tell({each.status for each in executions(flow, status="timeout", **FAR)} == {"timeout"})

# Windows: none, either end, both; in either form.
tell(len(executions(flow)))
tell(len(executions(flow, start_time="2026-03-10 13:29:00")))
tell(len(executions(flow, end_time="2026-03-10T12:01:00Z")))
tell(len(executions(flow, start_time="2026-03-10T12:10:00Z", end_time="2026-03-10 12:19:59")))
tell(len(executions(flow, start_time="2026-03-07 00:00:00", end_time="2026-03-10T11:59:59Z")))

first = executions(flow, limit=1, **FAR)[0]
tell([first.workflow_id == flow, first.workflow_urn.split(":")[5:], first.begin_time, first.end_time, first.status])
tell(executions(flow, limit=2, **FAR)[1].end_time)

# To the end, while new runs begin.
seen, offset = [], 0
while found := executions(flow, limit=60, offset=offset, end_time="2026-03-10T14:00:00Z"):
    seen += [each.execution_id for each in found]
    offset += 60
    start(quick)
tell([len(seen), len(set(seen)), seen == sorted(seen, key=int, reverse=True)])

shown = page(flow, offset=440, limit=100, **FAR)
tell([shown.total, shown.size, len(shown.executions), str(shown.executions[0].begin_time)])
tell([page(quick, offset=0, limit=1).total, page(quick, offset=100, limit=1).size])

tell([
    refused(executions, flow, limit=-1),
    refused(executions, flow, limit="ten"),
    refused(executions, flow, status="done"),
    refused(executions, flow, start_time="yesterday"),
    refused(executions, absent),
    refused(executions, "wf/1 中"),
    refused(page, flow, offset=0, limit=101),
    refused(page, flow, offset=-1, limit=1),
    refused(page, absent, offset=0, limit=1),
    refused(make(project="0" * 32).list_workflow_executions, v2.ListWorkflowExecutionsRequest(workflow_id=flow)),
    refused(client.show_work_flow_metric, v2.ShowWorkFlowMetricRequest(workflow_urn="urn")),
])  # fmt: skip
