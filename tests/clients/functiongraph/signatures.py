"""What signs and what does not: other keys, altered requests, requests that come again, clocks that are off."""

from datetime import UTC, datetime, timedelta

import requests
from asking import MORE, client, executions, make, refused, tell, v2

[flow] = MORE
LIST = v2.ListWorkflowExecutionsRequest(workflow_id=flow, limit=3)
START = v2.StartWorkflowExecutionRequest(workflow_id=flow, body=v2.FlowExecuteBody(input={"arg": "值 1 +&=*~"}))

tell(len(executions(flow, limit=1)))
wrong = [refused(other.list_workflow_executions, LIST) for other in (make(sk="0" * 40), make(ak="AKnobody"))]
tell([wrong[0], wrong[0] == wrong[1]])

# The clock of the client.
told = []
for minutes in (-20, -14, 14, 20):
    at = (datetime.now(UTC) + timedelta(minutes=minutes)).strftime("%Y%m%dT%H%M%SZ")
    call = client.list_workflow_executions_invoker(LIST).add_header("X-Sdk-Date", at).invoke
    told.append(refused(call))
tell(told)

# What the client sends, altered on its way or sent once more.
sent = []
original = requests.Session.send


def send(session, prepared, **options):
    sent.append(prepared.copy())
    return original(session, prepared, **options)


requests.Session.send = send
begun = [client.start_workflow_execution(START).execution_id]
executions(flow, limit=3, status="success", start_time="2026-03-10 12:00:00")
requests.Session.send = original
posted, listed = sent


def again(prepared, body=None, headers=None, **changes):
    copy = prepared.copy()
    for name, value in changes.items():
        setattr(copy, name, value)
    if body is not None:
        copy.prepare_body(body, None)
        copy.headers["Content-Length"] = str(len(body))
    for name, value in (headers or {}).items():
        copy.headers[name] = value
    with requests.Session() as session:
        session.trust_env = False
        answer = session.send(copy, allow_redirects=False)
    shown = answer.json()
    return [answer.status_code, shown.get("error_code"), shown.get("execution_id")]


[status, _code, execution] = again(posted)
tell([status, execution not in begun])
changed = posted.body.replace(b"arg", b"are")
tell([
    again(posted, body=changed),
    again(posted, body=b""),
    again(posted, body=changed, headers={"X-Sdk-Content-Sha256": "UNSIGNED-PAYLOAD"}),
    again(posted, headers={"X-Project-Id": "0" * 32}),
    again(posted, headers={"Content-Type": "text/plain"}),
    again(posted, url=posted.url.replace(flow, f"{flow}x")),
    again(listed, url=listed.url.replace("limit=3", "limit=4")),
    again(listed, url=f"{listed.url}&offset=1"),
    again(listed, method="POST"),
    again(listed, headers={"Authorization": ""}),
])  # fmt: skip
