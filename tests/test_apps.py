"""Which apps a project must install: each of these small projects migrates, checks and runs a workflow."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

from tests.bare import ADMIN, API, OURS, PROJECT

pytestmark = [pytest.mark.once]

_PROJECT = (
    PROJECT
    + """
from executions import run_now
from workflows import editing

workflow = versions.create_workflow(type="manual", title="Alone")
editing.add_node(workflow, type="output", config={"value": "{{$context.a}}"})
execution = run_now(workflow, {"a": 7})
assert (execution.status, execution.output) == (1, 7), execution

if admin:
    client = Client()
    client.force_login(user)
    for page in ("workflow/", f"workflow/{workflow.pk}/change/", "node/", f"node/{workflow.nodes.get().pk}/change/"):
        assert client.get(f"/admin/workflows/{page}").status_code == 200, page
    assert client.get(f"/admin/executions/execution/{execution.pk}/change/").status_code == 200
if api:
    assert Client().get("/api/workflows/").status_code in (401, 403)
else:
    assert "workflows.api.views" not in sys.modules
"""
)


@pytest.mark.parametrize(
    "apps",
    [
        pytest.param(OURS, id="neither-admin-nor-api"),
        pytest.param((*ADMIN, *OURS), id="admin"),
        pytest.param((*API, *OURS), id="api"),
    ],
)
def test_a_project_needs_only_the_apps_it_uses(tmp_path: Path, apps: tuple[str, ...]) -> None:
    (tmp_path / "project.py").write_text(_PROJECT)
    done = subprocess.run(
        [sys.executable, "project.py", ",".join(apps)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(settings.BASE_DIR), "DJANGO_SETTINGS_MODULE": ""},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
