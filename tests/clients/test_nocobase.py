"""NocoBase's own client from npm runs whole scenarios against this server, unchanged."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model

from executions.store.side import close_side
from executions.testing import drain

pytestmark = pytest.mark.django_db(transaction=True)

HERE = Path(__file__).resolve().parent / "nocobase"
#: Where the client is installed; not in version control.
CACHE = HERE.parent.parent.parent / ".clients" / "nocobase"
SECONDS = 120
PASSWORD = "the same of both"


@pytest.fixture(scope="module")
def client() -> Path:
    """The directory with the client, installed on first use."""
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("needs Node 20 with npm: install nodejs and npm")
    for source in (path for path in HERE.rglob("*") if path.is_file()):
        target = CACHE / source.relative_to(HERE)
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists() or target.read_bytes() != source.read_bytes():
            target.write_bytes(source.read_bytes())
            if source.name == "package.json":
                shutil.rmtree(CACHE / "node_modules", ignore_errors=True)
    if not (CACHE / "node_modules" / "@nocobase" / "sdk").is_dir():
        command = ["npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--loglevel=error"]
        done = subprocess.run(command, cwd=CACHE, capture_output=True, text=True, timeout=300)
        if done.returncode:
            pytest.skip(f"the client can't be installed: {done.stderr.strip()[-300:]}")
    return CACHE


@pytest.mark.parametrize("scenario", ["whole", "seeds", "asking", "lives", "people", "rows", "approvals"])
def test_scenarios(client: Path, server: Any, settings: Any, scenario: str) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    get_user_model().objects.create_superuser("admin", "admin@example.com", PASSWORD)
    get_user_model().objects.create_user("ann", "ann@example.com", PASSWORD)
    process = subprocess.Popen(
        ["node", "run.cjs", scenario, f"{server.url}/api", "admin", PASSWORD],
        cwd=client,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    said = []
    try:
        assert process.stdin is not None
        assert process.stdout is not None
        for line in process.stdout:
            said.append(line.strip())
            if said[-1] == "work":
                drain()
                process.stdin.write("\n")
                process.stdin.flush()
        _nothing, errors = process.communicate(timeout=SECONDS)
    finally:
        process.kill()
        process.wait()
        close_side()
    assert process.returncode == 0, errors
    assert said[-1] == "done"
