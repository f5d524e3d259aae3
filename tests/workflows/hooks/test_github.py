"""Real bodies as GitHub sends them: each signed one is one run, however often it comes."""

import json

from executions.models import Execution
from tests.workflows.hooks.conftest import sign

GITHUB = {
    "auth": {"type": "hmac", "secret": "{{$env.HOOK}}"},
    "headers": [{"path": "X-GitHub-Event", "alias": "event"}],
    "delivery": {"from": "headers", "path": "X-GitHub-Delivery"},
}


def test_every_signed_body_is_one_run_posted_twice_still_one_unsigned_none(hook, post, real_data):
    files = sorted((real_data / "github-webhooks").glob("*.json"))
    assert len(files) > 50, "the directory of bodies is not what it was"
    workflow = hook(GITHUB)
    for number, file in enumerate(files):
        body, event = file.read_bytes(), file.name.partition(".")[0]
        headers = {"X-GitHub-Event": event, "X-GitHub-Delivery": f"72d3162e-cc78-11e3-81ab-{number:012d}"}
        assert post(workflow, body, headers=headers).status_code == 401, file.name
        headers["X-Hub-Signature-256"] = sign(body)
        for _ in range(2):
            assert post(workflow, body, headers=headers).status_code == 200, file.name
    made = Execution.objects.filter(key=workflow.key).order_by("id")
    assert [(run.context["headers"]["event"], run.context["body"]) for run in made] == [
        (file.name.partition(".")[0], json.loads(file.read_bytes())) for file in files
    ]
