"""FunctionGraph's form in the admin's import."""

from typing import Any

import pytest

from tests.building import build
from tests.pages import words
from tests.workflows.admin.test_transfer import IMPORT, hidden, upload
from tests.workflows.transfer.test_functiongraph import call, flow, operation
from workflows.models import Workflow

pytestmark = pytest.mark.django_db


def test_a_definition_is_looked_at_and_imported(pages: Any) -> None:
    build([], name="quick")
    page = pages()
    told = words(upload(page, flow(operation("a", call("$..x")))))
    assert "states.0.actions.0.function_ref.arguments" in told
    text = upload(page, flow(operation("a")))
    assert page.post(IMPORT, **hidden(text)) == ["Imported 1 workflow."]
    assert Workflow.objects.get(name="order").nodes.count() == 2
