"""FDL in the admin's import and in the command."""

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from tests.pages import words
from tests.workflows.admin.test_transfer import IMPORT, hidden, upload
from tests.workflows.transfer.test_fdl_rendering import FLOW
from workflows.models import Workflow

pytestmark = pytest.mark.django_db


def test_a_file_is_looked_at_and_imported_as_it_is(pages: Any) -> None:
    page = pages()
    assert ".yaml" in page.get(IMPORT)
    assert "States.1.Seconds" in words(upload(page, FLOW.replace("3", "999").encode()))
    assert not Workflow.objects.exists()
    text = upload(page, FLOW.encode())
    assert page.post(IMPORT, **hidden(text)) == ["Imported 1 workflow."]
    workflow = Workflow.objects.get(name="flow")
    assert workflow.nodes.count() == 3
    # The browser would have made other line breaks of it.
    assert workflow.definition_source == FLOW
    assert "Unchanged" in words(upload(page, FLOW.encode()))


def test_the_command_takes_it(tmp_path: Path) -> None:
    path = tmp_path / "flow.yaml"
    path.write_text(FLOW)
    out = StringIO()
    call_command("sluice_import", str(path), "--enable", stdout=out)
    assert "flow: New" in out.getvalue()
    assert Workflow.objects.get(name="flow").enabled
