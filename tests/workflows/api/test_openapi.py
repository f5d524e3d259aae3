"""The description, and the page that shows it; that the answers keep to it is for test_contract."""

import re
import subprocess
import sys
from io import StringIO

import pytest
from django.conf import settings as project
from django.core.management import call_command
from django.test import Client

from workflows.api import describing
from workflows.api.openapi import Generator

pytestmark = [pytest.mark.once, pytest.mark.django_db]


@pytest.fixture
def document():
    return Generator(prefix="/api/v1/").get_schema()


def operations(document):
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield f"{method.upper()} {path}", operation


def test_it_is_valid_and_nothing_had_to_be_guessed(capsys):
    call_command("spectacular", "--validate", "--fail-on-warn", stdout=StringIO())
    assert "Warning" not in capsys.readouterr().err


def test_every_route_is_described(document):
    from django.urls import get_resolver

    from workflows.api.base import OurView

    found = set()

    def walk(patterns, prefix):
        for pattern in patterns:
            path = prefix + str(pattern.pattern)
            if hasattr(pattern, "url_patterns"):
                walk(pattern.url_patterns, path)
            elif issubclass(getattr(pattern.callback, "cls", object), OurView):
                actions = getattr(pattern.callback, "actions", None) or {"get": 1, "post": 1}
                found.update((pattern.callback.cls, name) for name in actions if hasattr_method(pattern.callback, name))

    def hasattr_method(callback, name):
        return bool(getattr(callback, "actions", None)) or hasattr(callback.cls, name)

    walk(get_resolver().url_patterns, "")
    assert len(list(operations(document))) >= len(found) > 30


def test_each_operation_says_what_it_is_what_it_needs_and_how_it_refuses(document):
    names = [operation["operationId"] for _name, operation in operations(document)]
    assert len(names) == len(set(names))
    for name, operation in operations(document):
        statuses = set(operation["responses"])
        assert operation["summary"], name
        assert {"401", "405", "406", "429"} <= statuses, name
        assert "404" in statuses or "{" not in name, name
        if name.startswith(("POST", "PUT", "PATCH")):
            assert {"400", "413", "415"} <= statuses, name
        own = ("/token", "/bulk", "/tasks/", "/approvals/")
        if name.endswith(("/v1/", "/schema/")) or any(each in name for each in own):
            continue
        assert {"400", "403"} <= statuses, name
        assert "permission `" in operation["description"], name


def test_refusals_have_the_shape_of_all_errors(document):
    responses = document["components"]["responses"]
    assert {"BadRequest", "Unauthorized", "Forbidden", "NotFound", "PreconditionFailed"} <= set(responses)
    for name, response in responses.items():
        if name != "NotModified":
            shape = response["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
            assert shape == ("Conflict" if name == "Conflict" else "Errors")
    assert responses["TooManyRequests"]["headers"]["Retry-After"]["required"]


def test_strangers_are_refused_by_every_operation_but_those_that_sign_in(document, client):
    stranger = client(None)
    for name, operation in operations(document):
        method, _space, path = name.partition(" ")
        path = re.sub(r"\{\w+\}", "1", path.removeprefix("/api/v1/"))
        if path.startswith("token/"):
            assert operation.get("security", [{}]) == [{}], name
        else:
            stranger.errors(method, path, {} if method != "GET" else None, status=401)


def parameters(document, path, method="get"):
    return {each["name"]: each for each in document["paths"][f"/api/v1/{path}"][method]["parameters"]}


def test_filters_and_paging_are_parameters(document):
    found = parameters(document, "workflows/")
    assert {"id", "key", "type", "enabled", "created_since", "cursor", "page_size", "fields", "exclude"} <= set(found)
    assert found["enabled"]["schema"] == {"type": "boolean"}
    assert found["id"]["schema"]["items"]["type"] == "integer"
    assert found["created_since"]["schema"]["format"] == "date-time"
    assert found["If-None-Match"]["in"] == "header"
    assert "error" in parameters(document, "executions/")["status"]["schema"]["items"]["enum"]


def test_conditions_are_told_where_they_hold(document):
    item = document["paths"]["/api/v1/workflows/{id}/"]
    assert "304" in item["get"]["responses"]
    assert "412" in item["patch"]["responses"]
    assert "If-Match" in parameters(document, "workflows/{id}/", "patch")


def test_whoever_is_signed_in_reads_it(client):
    found = client("workflows.view_workflow")("GET", "schema/")
    assert found["openapi"].startswith("3.")
    assert "/api/v1/workflows/" in found["paths"]
    client(None)("GET", "schema/", status=401)
    answer = client().http.get("/api/v1/schema/?format=yaml")
    assert answer.content.startswith(b"openapi: 3.")


def test_the_page_holds_no_script_and_asks_no_other_server(client):
    answer = client().http.get("/api/v1/docs/")
    page = answer.content.decode()
    assert answer.status_code == 200
    assert page.count("<script") == page.count("<script src=") == 2
    assert "//cdn" not in page
    for address in re.findall(r'(?:src|href)="(/static/[^"]+)"', page):
        found = Client().get(address)
        assert b"".join(found)
        found.close()
    assert 'data-schema="http://testserver/api/v1/schema"' in page


def test_the_page_sends_strangers_to_sign_in():
    answer = Client().get("/api/v1/docs/")
    assert (answer.status_code, answer["Location"].startswith("/admin/login/")) == (302, True)


def test_the_page_says_what_is_missing(client, settings):
    settings.INSTALLED_APPS = [name for name in settings.INSTALLED_APPS if name != "drf_spectacular_sidecar"]
    page = client().http.get("/api/v1/docs/").content.decode()
    assert "Add drf_spectacular_sidecar to INSTALLED_APPS" in page
    assert "<script" not in page


_WITHOUT = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "drf_spectacular":
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Missing())
import importlib.util
real = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == "drf_spectacular" else real(name, *rest)
import os
os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
from django.conf import settings
settings.INSTALLED_APPS = [app for app in settings.INSTALLED_APPS if not app.startswith("drf_spectacular")]
import django
django.setup()
from django.urls import reverse, NoReverseMatch
print(reverse("sluice-workflow-list"))
try:
    reverse("sluice-schema")
except NoReverseMatch:
    print("no description")
"""


def test_without_the_extra_the_api_is_the_same():
    assert describing.AVAILABLE
    done = subprocess.run([sys.executable, "-c", _WITHOUT], capture_output=True, text=True, cwd=project.BASE_DIR)
    assert done.stdout.split("\n")[:2] == ["/api/v1/workflows", "no description"], done.stderr
