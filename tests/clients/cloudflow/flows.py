"""Flows, their schedules, and tasks that wait for a report. Takes a task's token."""

import json

from asking import MORE, client, describe, fnf, listed, refused, start, tell, work

NEW = """\
Type: StateMachine
SpecVersion: v1
Name: {name}
StartAt: {first}
States:
  - Type: Pass
    Name: {first}
    End: true
"""
OLD = "version: v1\ntype: flow\nname: {name}\nsteps:\n  - type: pass\n    name: first\n"


def create(name, definition, **parameters):
    given = {"type": "FDL", "description": "Made by a client", "role_arn": "acs:ram::1:role/x", **parameters}
    return client.create_flow(fnf.CreateFlowRequest(name=name, definition=definition, **given)).body


def shown(name):
    return client.describe_flow(fnf.DescribeFlowRequest(name=name)).body


TEXT = NEW.format(name="made", first="a")
made = create("made", TEXT)
tell([made.name, made.type, made.execution_mode, made.description, made.definition == TEXT])
tell([refused(create, "made", TEXT), refused(create, "other", TEXT)])
tell(refused(create, "cycle", NEW.format(name="cycle", first="a").replace("End: true", "Next: a")))
create("old-form", OLD.format(name="old-form"))
start("made", "e", {"a": 1})
work()
tell([describe("made", "e").status, json.loads(describe("made", "e").output or "null")])
changed = client.update_flow(fnf.UpdateFlowRequest(name="made", definition=NEW.format(name="made", first="b"))).body
tell([changed.id == made.id, changed.created_time == made.created_time, "Name: b" in shown("made").definition])
tell(["Name: a" in each.flow_definition for each in listed("made").executions])
tell([each.name for each in client.list_flows(fnf.ListFlowsRequest(limit=2)).body.flows])

express = create("express", NEW.format(name="express", first="a"), execution_mode="Express")
request = fnf.StartSyncExecutionRequest(flow_name="express", execution_name="sync", input='{"a": 1}')
ran = client.start_sync_execution(request).body
tell([express.execution_mode, ran.status, ran.name.startswith("sync:"), ran.output, ran.error_code])
tell([refused(start, "express"), refused(client.start_sync_execution, fnf.StartSyncExecutionRequest(flow_name="made"))])

plan = {"flow_name": "made", "schedule_name": "daily"}
given = {"cron_expression": "0 0 4 * * *", "payload": '{"a": 1}', "enable": True, "description": "Each day"}
planned = client.create_schedule(fnf.CreateScheduleRequest(**plan, **given)).body
tell([planned.schedule_name, planned.cron_expression, planned.payload, planned.enable, planned.description])
tell(refused(client.create_schedule, fnf.CreateScheduleRequest(**plan, **given)))
client.update_schedule(fnf.UpdateScheduleRequest(**plan, enable=False, cron_expression="@every 1h"))
kept = client.describe_schedule(fnf.DescribeScheduleRequest(**plan)).body
tell([kept.schedule_id == planned.schedule_id, kept.cron_expression, kept.payload, kept.enable])
tell([each.schedule_name for each in client.list_schedules(fnf.ListSchedulesRequest(flow_name="made")).body.schedules])
client.delete_schedule(fnf.DeleteScheduleRequest(**plan))
tell(refused(client.describe_schedule, fnf.DescribeScheduleRequest(**plan)))

client.delete_flow(fnf.DeleteFlowRequest(name="made"))
tell(refused(shown, "made"))
create("made", NEW.format(name="made", first="a"))
tell(len(listed("made").executions))

[good, bad] = MORE
reported = fnf.ReportTaskSucceededRequest(task_token=good, output='{"a": 1}')
tell(client.report_task_succeeded(reported).body.event_id > 0)
failed = fnf.ReportTaskFailedRequest(task_token=bad, error="Broken", cause="It fell.")
tell(client.report_task_failed(failed).body.event_id > 0)
tell(refused(client.report_task_succeeded, fnf.ReportTaskSucceededRequest(task_token=good, output="{}")))
tell(refused(client.report_task_failed, fnf.ReportTaskFailedRequest(task_token="x", error="Broken")))
work()
tell([each.status for each in listed("waits").executions])
tell(refused(client.list_flow_versions, fnf.ListFlowVersionsRequest(flow_name="made")))
