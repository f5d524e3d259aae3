import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from tests.building import build
from tests.workflows.transfer.test_planning import definition, node
from workflows.models import HistoryEntry, Workflow


def said(command: str, *arguments: Any, **options: Any) -> str:
    out = StringIO()
    call_command(command, *arguments, stdout=out, **options)
    return out.getvalue()


@pytest.fixture
def file(tmp_path: Path) -> Any:
    def write(value: Any) -> str:
        path = tmp_path / "file.json"
        path.write_text(json.dumps(value))
        return str(path)

    return write


@pytest.mark.django_db
def test_workflows_are_named_by_name_key_or_id() -> None:
    rows = [build([("end", {})], name="by-name"), build([], key="by-key"), build([])]
    found = json.loads(said("sluice_export", "by-name", "by-key", str(rows[2].pk)))
    assert [each["id"] for each in found] == [row.pk for row in rows]
    assert json.loads(said("sluice_export", "by-name"))["name"] == "by-name"
    assert len(json.loads(said("sluice_export", "--all"))) == 3


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("arguments", "told"), [(["nobody"], "nobody"), ([], "--all"), (["x", "--all"], "--all"), (["9" * 30], "9999")]
)
def test_what_is_not_there_is_named(arguments: list[str], told: str) -> None:
    with pytest.raises(CommandError, match=told):
        said("sluice_export", *arguments)


@pytest.mark.django_db
def test_a_file_goes_out_and_in(tmp_path: Path) -> None:
    build([("end", {"endStatus": 1})], key="orders", title="订单")
    path = tmp_path / "out.json"
    said("sluice_export", "orders", "-o", str(path))
    assert "订单" in path.read_text()
    assert "Unchanged (version 1)" in said("sluice_import", str(path))
    Workflow.objects.all().delete()
    assert "1 imported" in said("sluice_import", str(path), "--enable")
    assert Workflow.objects.get().enabled
    assert set(HistoryEntry.objects.values_list("origin", flat=True)) == {"command"}


@pytest.mark.django_db
def test_a_dry_run_tells_and_does_nothing(file: Any) -> None:
    build([("calculation", {"engine": "math.js", "expression": "1 + 1"})], key="orders", title="Orders")
    text = said("sluice_import", file(definition(node(1, title="calculation"), node(2, 1))), dry_run=True)
    assert "Orders: New version 2: nodes added 1" in text
    assert Workflow.objects.count() == 1


@pytest.mark.django_db
def test_faults_are_all_told(file: Any) -> None:
    out = StringIO()
    with pytest.raises(CommandError, match="2 errors"):
        call_command(
            "sluice_import", file([definition(node(1, type="nope")), definition(type="nope", key="b")]), stdout=out
        )
    assert "error: 0.nodes.0.type (“Node 1”): There is no node type" in out.getvalue()
    assert "error: 1.type:" in out.getvalue()
    with pytest.raises(CommandError, match=r"1 error\."):
        said("sluice_import", file(definition(node(1, type="nope"))))


@pytest.mark.django_db
def test_a_file_that_is_not_there() -> None:
    with pytest.raises(CommandError, match="can't be read"):
        said("sluice_import", "/nowhere/at/all.json")
