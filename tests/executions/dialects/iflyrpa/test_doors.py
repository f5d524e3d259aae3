"""Who is let in, where, and what stands beside the calls: keys, permissions of the table in docs/iflyrpa.md, errors."""

import re
import sys
from contextlib import suppress
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.utils import timezone
from django.views.debug import ExceptionReporter

from executions import accesskeys
from executions.dialects.iflyrpa import views
from executions.dialects.iflyrpa.views import View
from executions.models import Execution
from executions.models.keys import AccessKey
from executions.roles import ROLES
from tests.building import build
from tests.executions.dialects.iflyrpa.clients import Rpa
from tests.executions.rows import run
from tests.people import person

pytestmark = pytest.mark.django_db

DOCUMENT = Path(__file__).resolve().parents[4] / "docs" / "iflyrpa.md"
WHO = ("anonymous", "staff", *ROLES, "superuser")
CALLS = {
    "GET /executions/get": "executions.view_execution",
    "GET /executions/{executionId}": "executions.view_execution",
    "GET /workflows/get": "workflows.view_workflow",
    "GET /workflows/get/{project_id}": "workflows.view_workflow",
    "POST /workflows/execute": "workflows.execute_workflow",
    "POST /workflows/execute-async": "workflows.execute_workflow",
}


def documented():
    """call -> its row: who is let in, and the permission."""
    rows = {}
    for line in DOCUMENT.read_text().splitlines():
        name, *cells = (cell.strip() for cell in line.strip().strip("|").split("|"))
        if re.match(r"\| `(GET|POST) /", line) and len(cells) == len(WHO) + 1:
            rows[name.strip("`")] = (
                {who: cell == "yes" for who, cell in zip(WHO, cells, strict=False)},
                cells[-1].strip("`"),
            )
    return rows


def may(call, client, flow):
    method, path = call.split(" /")
    path = path.replace("{executionId}", "1").replace("{project_id}", flow.key)
    answer = client.raw(method, path, {"project_id": flow.key} if method == "POST" else None)
    assert answer.status_code in (200, 401, 403, 404), answer.content
    if answer.status_code in (401, 403):
        assert set(answer.json()) == {"detail"}
        assert not Execution.objects.exists()
    return answer.status_code in (200, 404)


@pytest.mark.parametrize("call", CALLS)
def test_the_table_says_who_is_let_in(call):
    call_command("sluice_roles", verbosity=0, stdout=StringIO())
    users = {"anonymous": None, "staff": person(username="staff"), "superuser": person(username="s", is_superuser=True)}
    for role in ROLES:
        users[role] = get_user_model().objects.create(username=role)
        users[role].groups.add(Group.objects.get(name=f"Sluice {role}"))
    flow, found = build([]), {}
    for who in WHO:
        found[who] = may(call, Rpa(users[who]), flow)
        Execution.objects.all().delete()
    row = f"| `{call}` | {' | '.join('yes' if found[who] else '-' for who in WHO)} | `{CALLS[call]}` |"
    assert documented().get(call) == (found, CALLS[call]), f"docs/iflyrpa.md should say:\n{row}"


@pytest.mark.parametrize("call", CALLS)
def test_the_permission_alone_suffices(call):
    flow = build([])
    assert may(call, Rpa(person(CALLS[call], username="may")), flow)
    Execution.objects.all().delete()
    others = [each for each in set().union(*ROLES.values()) if each != CALLS[call]]
    assert not may(call, Rpa(person(*others, username="may not")), flow)


def test_the_table_has_no_other_row():
    assert set(documented()) == set(CALLS)


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "Bearer "])
def test_the_schemes_letters_do_not_matter(rpa, scheme):
    client = rpa()
    client.headers["authorization"] = f"{scheme} {client.key.api_key}"
    assert client.get("executions/get")


@pytest.mark.parametrize(
    "header",
    [None, "", "Bearer", "Bearer ", "Basic {key}", "{key}", "Bearer {key} more", "Bearer wrong", "Bearer {secret}",
     "Bearer {id}", "Bearer sk-中", "Token {key}"],
)  # fmt: skip
@pytest.mark.parametrize("call", CALLS)
def test_without_a_key_nobody_is_let_in(rpa, header, call):
    client = rpa()
    given = {"key": client.key.api_key, "secret": client.key.secret, "id": client.key.row.access_key_id}
    client.headers = {} if header is None else {"authorization": header.format(**given).encode().decode("latin-1")}
    answer = client.raw(*call.split(" /"), {})
    assert (answer.status_code, answer["WWW-Authenticate"], set(answer.json())) == (401, "Bearer", {"detail"})
    assert isinstance(answer.json()["detail"], str)


def _revoked(row):
    accesskeys.revoke(row)


def _expired(row):
    AccessKey.objects.filter(pk=row.pk).update(expires_at=timezone.now() - timedelta(seconds=1))


def _asleep(row):
    get_user_model().objects.filter(pk=row.user_id).update(is_active=False)


def _elsewhere(row):
    AccessKey.objects.filter(pk=row.pk).update(dialects=["cloudflow"])


@pytest.mark.parametrize("change", [_revoked, _expired, _asleep, _elsewhere])
def test_a_key_that_is_no_longer_good_opens_nothing(rpa, change):
    client = rpa()
    assert client.get("executions/get")
    change(client.key.row)
    assert client("GET", "executions/get", status=401)


def test_a_session_is_no_key(rpa, client):
    client.force_login(person(is_superuser=True))
    assert client.get("/api/rpa-openapi/executions/get").status_code == 401


def test_the_keys_use_is_noted(rpa):
    client = rpa()
    client.get("executions/get")
    assert AccessKey.objects.get().last_used_at is not None


@pytest.mark.parametrize("call", CALLS)
def test_a_slash_at_the_end_leads_to_the_same(rpa, call):
    client = rpa()
    method, path = call.split(" /")
    answer = client.raw(method, f"{path}/", {} if method == "POST" else None)
    assert answer.status_code == {"POST": 422}.get(method, answer.status_code)
    assert answer.status_code < 300 or answer.status_code >= 400


@pytest.mark.parametrize(
    "path", ["", "nothing", "executions", "workflows", "workflows/get/a/b", "executions/1/jobs", "mcp"]
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "OPTIONS"])
def test_what_is_none_of_its_addresses(rpa, path, method):
    for client in (rpa(None), rpa()):
        assert client(method, path, status=404) == {"detail": "Not Found"}


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "executions/get"), ("DELETE", "executions/1"), ("PUT", "workflows/get"), ("PATCH", "workflows/get/x"),
     ("GET", "workflows/execute"), ("GET", "workflows/execute-async"), ("OPTIONS", "executions/get")],
)  # fmt: skip
def test_other_methods_are_refused(rpa, method, path):
    answer = rpa().raw(method, path)
    assert (answer.status_code, set(answer.json())) == (405, {"detail"})
    assert answer["Allow"]


def test_plain_http_is_refused_and_not_redirected(rpa, settings):
    settings.SECURE_SSL_REDIRECT = True
    settings.SECURE_REDIRECT_EXEMPT = [r"^api/rpa-openapi/"]
    assert rpa()("GET", "executions/get", status=403)["detail"] == "Call this server by HTTPS."


def test_nothing_of_it_is_kept_by_proxies(rpa):
    for client in (rpa(None), rpa()):
        assert client.raw("GET", "executions/get")["Cache-Control"] == "no-store"


def test_who_calls_too_often_is_told_when_to_come_again(rpa, settings):
    settings.SLUICE = {"THROTTLES": {"read": "2/hour"}}
    client = rpa()
    answers = [client.raw("GET", "executions/get") for _ in range(3)]
    assert [each.status_code for each in answers] == [200, 200, 429]
    assert 0 < int(answers[-1]["Retry-After"]) <= 3601
    assert answers[-1].json()["detail"]


def test_what_nobody_foresaw_is_answered_and_told(rpa, monkeypatch, caplog):
    def broken(*_args):
        raise RuntimeError("secret detail")

    monkeypatch.setattr(views.numbered, "total", broken)
    assert "secret" not in rpa().refused("GET", "executions/get", status=500)
    assert "secret detail" in caplog.text


def test_no_report_of_an_error_has_the_key(rpa, monkeypatch, settings, rf):
    settings.DEBUG = False
    client, seen = rpa(), []
    monkeypatch.setattr(accesskeys.people, "active", lambda: 1 / 0)
    monkeypatch.setattr(View, "_answer", lambda *_args: seen.extend(sys.exc_info()))
    with suppress(AssertionError):
        client.raw("GET", "executions/get")
    page = ExceptionReporter(rf.get("/"), *seen).get_traceback_html()
    assert "ZeroDivisionError" in page
    assert "find_bearer" in page
    assert client.key.api_key not in page


def test_nocobase_is_still_served_beside_it(client):
    assert client.get("/api/executions:list").status_code == 401
    assert client.get("/api/executions:list").json()["errors"]


def test_absent_rows_look_like_those_of_others(rpa):
    client = rpa()
    other = run(created_by=person(username="another"))
    messages = {
        client.refused("GET", f"executions/{pk}", status=404).replace(str(pk), "N") for pk in (other.pk, other.pk + 1)
    }
    assert len(messages) == 1
