"""Workflows: made of definitions, listed, shown, changed and deleted."""

from asking import client, executions, refused, start, tell, v2, work


def body(name, *pauses, mode="NORMAL", first="a"):
    states = [
        v2.OperationState(
            id=chr(97 + index),
            name=f"Pause {index}",
            type="Sleep",
            duration=seconds,
            end=index == len(pauses) - 1,
            transition=None if index == len(pauses) - 1 else chr(98 + index),
        )
        for index, seconds in enumerate(pauses)
    ]
    return v2.WorkflowCreateBody(name=name, description="Made by a client", start=first, states=states, mode=mode)


def create(*args, **kwargs):
    return client.create_workflow(v2.CreateWorkflowRequest(body=body(*args, **kwargs)))


def update(key, *args, **kwargs):
    return client.update_work_flow(v2.UpdateWorkFlowRequest(workflow_id=key, body=body(*args, **kwargs)))


def listed(**parameters):
    found = client.list_workflow(v2.ListWorkflowRequest(**parameters))
    return [found.total, found.size, [each.name for each in found.workflows]]


def shown(key):
    return client.show_work_flow(v2.ShowWorkFlowRequest(workflow_id=key))


def delete(*urns):
    request = v2.BatchDeleteWorkflowsRequest(body=v2.WorkflowDeleteBody(workflow_urns=list(urns)))
    return client.batch_delete_workflows(request)


made = create("naps", 60, 120)
tell([made.status_code, made.name, made.description, made.workflow_urn.split(":")[4:], made.created_by])
tell(refused(create, "naps", 60))
other = create("quick-naps", 1, mode="EXPRESS")
tell([listed(), listed(limit=1, offset=1), listed(limit=999, offset=-1), listed(workflow_name="naps")])
tell([listed(mode="EXPRESS"), listed(mode="NORMAL"), listed(workflow_name="nobody")])

definition = shown(made.id).definition
tell([definition.name, definition.mode, definition.start, [[each.id, each.type] for each in definition.states]])
run = start(made.id)
work()
changed = update(made.id, "naps", 5)
tell([changed.id == made.id, len(shown(made.id).definition.states), changed.created_time == made.created_time])
tell([executions(made.id)[0].execution_id == run])

tell([
    refused(create, "no name", 1),
    refused(create, "nowhere", 1, first="z"),
    refused(create, "fast", 1, mode="FAST"),
    refused(update, "absent", "naps", 1),
    refused(shown, "absent"),
])  # fmt: skip
gone = delete(made.workflow_urn, other.workflow_urn, "urn:fss:x:y:workflow:default:naps:latest")
tell([gone.success == [made.workflow_urn, other.workflow_urn], len(gone.fail), bool(gone.fail[0].error_detail)])
tell([refused(executions, made.id), listed()])
again = create("naps", 60)
tell([again.id != made.id, executions(again.id)])
