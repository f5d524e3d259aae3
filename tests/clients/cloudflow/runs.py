"""Executions from their start to their end."""

import json

from asking import describe, events, listed, refused, start, stop, tell, work

begun = start("quick", "first", {"n": "值 +&=*~"})
tell([begun.name, begun.flow_name, json.loads(begun.input), begun.status, begun.output, bool(begun.request_id)])
again = start("quick", "first", {"n": 2})
tell([again.started_time == begun.started_time, json.loads(again.input)])
work()
done = describe("quick", "first")
tell([done.status, done.output, "quick" in done.flow_definition, done.started_time <= done.stopped_time])
tell(refused(start, "quick", "first"))

unnamed = start("slow").name
tell([bool(unnamed), describe("slow", unnamed).status])
work()
tell(
    [
        describe("slow", unnamed, wait_time_seconds=1).status,
        refused(lambda: describe("slow", unnamed, wait_time_seconds=61)),
    ]
)
stopped = stop("slow", unnamed, error="Tired", cause="It took too long.")
tell([stopped.status, bool(stopped.stopped_time), refused(stop, "slow", unnamed)])

found = events("quick", "first")
tell([[each.event_id, each.type] for each in found.events])
tell(json.loads(found.events[0].event_detail))
pages, token = [], None
while True:
    page = events("quick", "first", limit=4, next_token=token)
    pages.append([each.event_id for each in page.events])
    token = page.next_token
    if token is None:
        break
tell(pages)

tell(
    [
        refused(listed, "nothing"), refused(describe, "quick", "nothing"), refused(describe, "nothing", "first"),
        refused(stop, "quick", "nothing"), refused(events, "quick", "nothing"), refused(start, "nothing"),
        refused(start, "a b"), refused(start, "quick", "run-1"), refused(lambda: start("quick", "x", [1])),
    ]
)  # fmt: skip
