"""The demo's pages forbid inline scripts and styles; those of others that can't do without are exempted by name."""

import re

import pytest
from django.urls import reverse

from config.csp import POLICY
from config.demo import definitions
from tests.people import boss

pytestmark = pytest.mark.django_db

_INLINE = re.compile(
    r"""<style|\sstyle=|\son[a-z]+=["']|javascript:|<script(?![^>]*\ssrc=)(?![^>]*type="application/json")"""
)


@pytest.fixture
def http(client):
    client.force_login(boss())
    return client


@pytest.mark.parametrize(
    "name",
    ["landing", "shop", "admin:index", "admin:workflows_workflow_changelist", "admin:workflows_workflow_add",
     "admin:workflows_node_changelist", "admin:executions_execution_changelist", "admin:executions_task_changelist"],
)  # fmt: skip
def test_pages_carry_the_policy_and_keep_it(http, name):
    answer = http.get(reverse(name))
    assert answer.headers["Content-Security-Policy"] == POLICY
    assert not _INLINE.findall(answer.content.decode())


def test_the_page_of_a_workflow_and_its_nodes_keep_it_too(http):
    workflow = definitions.order_follow_up()
    addresses = [reverse("admin:workflows_workflow_change", args=[workflow.pk])]
    addresses += [reverse("admin:workflows_node_change", args=[node.pk]) for node in workflow.nodes.all()]
    for address in addresses:
        answer = http.get(address)
        assert answer.headers["Content-Security-Policy"] == POLICY
        assert not _INLINE.findall(answer.content.decode()), address


def test_what_is_exempted_is_exempted_by_name(http):
    root = reverse("sluice-root")
    assert "Content-Security-Policy" not in http.get(root, headers={"Accept": "text/html"}).headers
    assert http.get(root, headers={"Accept": "application/json"}).headers["Content-Security-Policy"] == POLICY
    assert "Content-Security-Policy" not in http.get(reverse("sluice-docs")).headers
