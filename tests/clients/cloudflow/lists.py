"""Lists of executions: every filter, every limit, and pages while new runs begin. Takes a flow's name."""

from asking import MORE, client, fnf, listed, refused, start, tell

FLOW = MORE[0]


def names(**parameters):
    return [each.name for each in listed(FLOW, **parameters).executions]


def walked(limit, **parameters):
    """All pages, a run begun after each."""
    found, token, begun = [], None, 0
    while True:
        page = listed(FLOW, limit=limit, next_token=token, **parameters)
        found += [each.name for each in page.executions]
        token = page.next_token
        if token is None:
            return found
        begun += 1
        start(FLOW, f"meanwhile-{limit}-{len(parameters)}-{begun}")


statuses = ("Starting", "Running", "Stopped", "Succeeded", "Failed", "TimedOut")
tell({status: len(names(status=status, limit=100)) for status in statuses})
tell([len(names()), len(names(limit=1)), len(names(limit=99)), len(names(limit=100))])
tell([refused(lambda limit: names(limit=limit), limit) for limit in (0, 101, -1)])
wrong = ({"status": "Paused"}, {"next_token": "x"}, {"started_time_begin": "x"})
tell([refused(lambda given: names(**given), given) for given in wrong])
tell(
    [
        len(names(started_time_begin="2026-03-10T12:01:00Z", started_time_end="2026-03-10T12:02:59.999Z", limit=100)),
        len(names(started_time_end="2026-03-10T12:00:00.000Z")),
        len(names(started_time_begin="2020-12-02T02:39:20.402Z", started_time_end="2020-12-02T02:23:54.817Z")),
        len(names(execution_name_prefix="order-1", limit=100)),
        names(execution_name_prefix="order-12"),
        names(execution_name_prefix="Order"),
        len(names(status="Failed", execution_name_prefix="order-1", limit=100)),
    ]
)
[light] = listed(FLOW, metadata_only=True, limit=1).executions
tell([light.name, light.input, light.output, light.flow_definition])
before = walked(100)
tell([len(before), len(set(before)), before[0], before[-1]])
for limit in (7, 33):
    found = walked(limit)
    tell([[name for name in found if name.startswith("order")] == before, len(set(found)) == len(found)])
failed = walked(9, status="Failed")
tell([len(failed), len(set(failed))])
tell(client.list_executions(fnf.ListExecutionsRequest(flow_name=FLOW, limit=1)).headers["x-acs-request-id"] != "")
