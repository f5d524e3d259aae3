"""The vendor's examples for Python, but for address and key: scenario.py <url> <key> <quick> <slow>.

Writes what it was answered, a JSON value a line; "work" asks for what is due to be done.
"""

import json
import sys

import requests

base, key, quick, slow = sys.argv[1:]
headers = {"Authorization": f"Bearer {key}"}


def say(value):
    print(json.dumps(value), flush=True)


def work():
    say("work")
    input()


def start(project_id, how="execute-async", **body):
    response = requests.post(f"{base}/workflows/{how}", headers=headers, json={"project_id": project_id, **body})
    assert response.status_code == 200, response.text
    return response.json()["data"]


def get_executions_page(page_no=1, page_size=10):
    params = {"pageNo": page_no, "pageSize": page_size}
    response = requests.get(f"{base}/executions/get", headers=headers, params=params)
    return response.json()


ids = [start(quick, params={"n": n}, exec_position="EXECUTOR")["executionId"] for n in range(11)]
waiting = start(slow)["executionId"]
work()

result = get_executions_page()
executions = result["data"]["executions"]
say({"code": result["code"], "total": result["data"]["total"], "first": executions[0]["id"] == waiting})
for execution in executions[:2]:
    say([execution["status"], execution["result"], execution["end_time"] is None])

result = get_executions_page(page_no=1, page_size=5)
total_pages = result["data"]["total_pages"]
found = [each["id"] for each in result["data"]["executions"]]
for page in range(2, total_pages + 1):
    found += [each["id"] for each in get_executions_page(page_no=page, page_size=5)["data"]["executions"]]
say({"pages": total_pages, "all": found == [waiting, *reversed(ids)]})

one = requests.get(f"{base}/executions/{ids[0]}", headers=headers).json()["data"]["execution"]
say({"parameters": one["parameters"], "result": one["result"], "project": one["project_id"] == quick})
execution = start(quick, how="execute", params={"n": 99})["execution"]
say([execution["status"], execution["result"]])

records = requests.get(f"{base}/workflows/get", headers=headers).json()["data"]["records"]
say(sorted(record["name"] for record in records))
workflow = requests.get(f"{base}/workflows/get/{slow}", headers=headers).json()["data"]["workflow"]
say(workflow["status"])

refused = [
    requests.get(f"{base}/executions/get"),
    requests.get(f"{base}/executions/get", headers={"Authorization": "Bearer wrong"}),
    requests.get(f"{base}/executions/get", headers=headers, params={"pageSize": 101}),
    requests.get(f"{base}/executions/123456789", headers=headers),
    requests.post(f"{base}/workflows/execute", headers=headers, json={"params": {}}),
    requests.post(f"{base}/workflows/execute", headers=headers, json={"project_id": "nothing"}),
]
say([[each.status_code, sorted(each.json())] for each in refused])
