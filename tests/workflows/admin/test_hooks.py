"""A webhook's page says where to post, and who may."""

import pytest

from tests.building import build
from tests.pages import words

CHANGE = "workflows_workflow_change"
HMAC = {"type": "hmac", "secret": "{{$env.HOOK}}"}


@pytest.mark.parametrize(
    ("config", "enabled", "said"),
    [
        ({}, True, "Anybody who knows the address"),
        ({"auth": HMAC}, True, "in the header X-Hub-Signature-256"),
        ({"auth": {"type": "basic", "username": "<b>", "password": "{{$env.A}}"}}, True, "signs in as <b> with"),
        ({"auth": {"type": "bearer", "token": "{{$env.A}}"}}, False, "It answers 404 until the workflow is enabled."),
        ({"auth": {"type": "nope"}}, True, "auth.type"),
    ],
)
def test_the_page_says_where_to_post_and_who_may(pages, config, enabled, said):
    workflow = build([], type="webhook", config=config, enabled=enabled)
    text = words(pages("workflows.view_workflow").get(CHANGE, workflow.pk))
    assert said in text
    assert (f"/hooks/{workflow.key}/" in text) == ("nope" not in str(config))


def test_where_the_addresses_are_not_included_the_page_says_what_to_add(pages, settings):
    workflow = build([], type="webhook", config={})
    settings.ROOT_URLCONF = "tests.workflows.admin.unrouted"
    assert "workflows.hooks.urls" in words(pages("workflows.view_workflow").get(CHANGE, workflow.pk))


def test_other_workflows_have_no_address(pages):
    assert "/hooks/" not in words(pages().get(CHANGE, build([]).pk))
