"""The README and the docs are run: their Python is executed, their commands exist, their tables are complete."""

import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import get_commands

from workflows.conf import Sluice
from workflows.instructions import instructions

pytestmark = [pytest.mark.once]

ROOT = Path(settings.BASE_DIR)
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def _blocks(page: Path, language: str) -> list[str]:
    return [code for found, code in _BLOCK.findall(page.read_text()) if found == language]


def _ids(page: Path) -> str:
    return page.name


@pytest.fixture
def _celery_app_restored() -> Iterator[None]:
    """A page may make a Celery application of its own; the project's stays the one in force."""
    yield
    from config.celery import app

    app.set_default()
    app.set_current()


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("_celery_app_restored")
@pytest.mark.parametrize("page", [page for page in PAGES if _blocks(page, "python")], ids=_ids)
def test_python_blocks_run(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from config.shop.models import Customer

    names: dict[str, Any] = {"INSTALLED_APPS": [], "MIDDLEWARE": [], "Customer": Customer}
    for code in _blocks(page, "python"):
        exec(compile(code, page.name, "exec"), names)  # the page's own code, in order, as a reader would type it
    printed = capsys.readouterr().out
    promised = re.findall(r"print\(.*\)  # (.+)", page.read_text())
    assert printed.splitlines() == promised
    assert set(names["INSTALLED_APPS"]) <= set(settings.INSTALLED_APPS)
    assert set(names["MIDDLEWARE"]) <= set(settings.MIDDLEWARE)


def _commands() -> Iterator[Any]:
    for page in PAGES:
        for block in _blocks(page, "bash"):
            for line in block.splitlines():
                yield pytest.param(shlex.split(line, comments=True), id=f"{page.name}: {line}")


def _targets() -> set[str]:
    return set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def _pyproject() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]  # type: ignore[no-any-return]


@pytest.mark.parametrize("words", list(_commands()))
def test_commands_exist(words: list[str]) -> None:
    words = [word for position, word in enumerate(words) if not ("=" in word and position < 3 and "://" in word)]
    words = [word for word in words if not re.fullmatch(r"[A-Z]+=.+", word)]
    match words:
        case ["make", *targets]:
            assert set(targets) <= _targets()
        case [python, "manage.py", command, *_] if python.endswith("python"):
            assert command in get_commands()
        case ["pip", "install", requirement]:
            wheel, extras = re.fullmatch(r"dist/(.+)-py3-none-any.whl\[([a-z,]+)\]", requirement).groups()  # type: ignore[union-attr]
            assert wheel == f"{_pyproject()['name'].replace('-', '_')}-{_pyproject()['version']}"
            assert set(extras.split(",")) <= set(_pyproject()["optional-dependencies"])
        case [".venv/bin/pip", "install", "--editable", requirement]:
            assert requirement.strip(".[]") in _pyproject()["optional-dependencies"]
        case ["celery", "-A", project, "worker", "-Q", queues, *_]:
            first, second = queues.split(",")
            assert project == "config"
            assert second == f"{first}-perform"
        case ["python", "-m", module, *_]:
            assert (ROOT / module).is_dir()
        case _:
            pytest.fail(f"No check knows {words}; teach it or take the command out.")


def test_every_setting_is_documented_with_its_default() -> None:
    page = (ROOT / "docs" / "deployment.md").read_text()
    rows = dict(re.findall(r"^\| `([A-Z_]+)` \| `(.+?)` \|", page.partition("## Settings")[2], re.MULTILINE))
    written = {name: repr(field.default).replace("'", '"') for name, field in Sluice.model_fields.items()}
    assert rows == written


def test_every_node_type_that_comes_along_has_its_section() -> None:
    text = (ROOT / "docs" / "nodes.md").read_text()
    types = {kind.type for kind in instructions().values() if type(kind).__module__.startswith("workflows.")}
    assert len(types) > 20
    assert types - set(re.findall(r"^###? (\S+)$", text, re.MULTILINE)) == set()


def test_every_dependency_has_its_reason() -> None:
    page = (ROOT / "docs" / "dependencies.md").read_text()
    project = _pyproject()
    wanted = [
        *project["dependencies"],
        *(each for extra in project["optional-dependencies"].values() for each in extra),
    ]
    names = {re.split(r"[\[>=<]", requirement)[0] for requirement in wanted} - {project["name"]}
    assert names == set(re.findall(r"^\| (?:[a-z]+ \| )?([A-Za-z0-9-]+) \| [^|]{10,} \|$", page, re.MULTILINE))


@pytest.mark.parametrize("page", PAGES, ids=_ids)
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text())
    assert [target for target in targets if "://" not in target and not (page.parent / target).exists()] == []
