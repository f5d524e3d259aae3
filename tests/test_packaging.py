"""What people install: the wheel, and an editable checkout, each into a bare environment with a tiny project."""

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest
from django.conf import settings

from tests.bare import ADMIN, API, OURS, PROJECT

pytestmark = [pytest.mark.once]

ROOT = Path(settings.BASE_DIR)

_PROJECT = (
    PROJECT
    + """
workflow = versions.create_workflow(type="manual", title="Installed")

client = Client()
client.force_login(user)
for page in (
    "/admin/workflows/workflow/",
    f"/admin/workflows/workflow/{workflow.pk}/change/",
    "/admin/executions/execution/",
):
    response = client.get(page)
    assert response.status_code == 200, (page, response.status_code)
    assert b"<html" in response.content, page
# The broker most deployments use: what its transport needs comes with the wheel.
import kombu.transport.redis
print("workflows:", __import__("workflows").__file__)
print("executions:", __import__("executions").__file__)
"""
)


def _run(*command: str | Path, cwd: Path) -> str:
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in ("PYTHONPATH", "DJANGO_SETTINGS_MODULE", "VIRTUAL_ENV") and not name.startswith("COV_")
    }
    done = subprocess.run([str(part) for part in command], cwd=cwd, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("wheel")
    _run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", target, ROOT, cwd=target)
    (built,) = target.glob("django_sluice-*.whl")
    return built


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A Python with nothing but pip, beside an empty working directory."""
    venv.create(tmp_path / "env", with_pip=True)
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "tiny.py").write_text(_PROJECT)
    return tmp_path


def _renders_pages(bare: Path, *requirement: str | Path) -> str:
    python = bare / "env" / "bin" / "python"
    _run(python, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", *requirement, cwd=bare)
    return _run(
        python, "-W", "error::ResourceWarning", "tiny.py", ",".join((*ADMIN, *OURS, *API)), cwd=bare / "project"
    )


def _shipped(app: str) -> list[str]:
    """Every file of the app that a running project needs, as the checkout has it."""
    kinds = {".py", ".html", ".css", ".js", ".svg", ".txt", ".mo", ".json"}
    return [
        path.relative_to(ROOT).as_posix()
        for path in sorted((ROOT / app).rglob("*"))
        if path.is_file() and path.suffix in kinds and "__pycache__" not in path.parts
    ]


@pytest.mark.parametrize("app", ["workflows", "executions"])
def test_wheel_carries_every_file_of_the_app(wheel: Path, app: str) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    shipped = _shipped(app)
    assert f"{app}/migrations/0001_initial.py" in shipped
    assert [name for name in shipped if name not in names] == []


def test_wheel_carries_nothing_else(wheel: Path) -> None:
    tops = {name.split("/", 1)[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"workflows", "executions"}


def test_wheel_renders_pages_of_both_apps(wheel: Path, bare: Path) -> None:
    printed = _renders_pages(bare, wheel)
    assert str(bare / "env") in printed


def test_editable_checkout_renders_pages_of_both_apps(bare: Path) -> None:
    printed = _renders_pages(bare, "--editable", ROOT)
    assert str(ROOT / "workflows") in printed
    assert str(ROOT / "executions") in printed
