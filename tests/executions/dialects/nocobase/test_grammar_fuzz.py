"""Whatever is sent: no 500, errors in the one shape, nothing of what a person may not see."""

import json
from functools import cache
from typing import Any
from urllib.parse import quote

import pytest
from django.contrib.auth.models import Group
from django.db import transaction
from django.db.models import Q
from django.test import Client, override_settings
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config.shop.models import Customer, Line, Order, Product
from executions import run_now
from executions.dialects.nocobase import authentication
from executions.dialects.nocobase.grammar import Target
from executions.dialects.nocobase.registry import resource_of, resources
from executions.drain import drain_all
from executions.models import Execution
from tests.building import build
from tests.people import boss, person
from workflows.filters.operators import OPERATORS

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.once]

EXAMPLES = 150
MARK = "c0nceal3d"
#: With people, whose passwords nobody is shown.
MODELS = ["*", "auth.User", "auth.Group"]
VIEWS = ["workflows.view_workflow", "workflows.view_node", "executions.view_execution", "executions.view_job",
         "executions.view_task", "workflows.view_category"]  # fmt: skip

_MODELS = ("shop.Order", "shop.Customer", "shop.Line", "auth.User", "auth.Group")
#: Rows inside others, as the client names them; the key of the parent belongs at each dot but the last's.
_INSIDE = ("shop.Customer.orders", "shop.Order.customer", "shop.Order.lines", "auth.User.groups", "auth.Group.user_set")


def _inside(name: str) -> Target:
    parent, _dot, relation = name.rpartition(".")
    return Target(relation, parent=parent, parent_pk="1")


def _known() -> dict[str, Any]:
    with override_settings(SLUICE={"MODELS": MODELS}):
        found = {**{name: Target(name) for name in _MODELS}, **{name: _inside(name) for name in _INSIDE}}
        return {**resources(), **{name: resource_of(target) for name, target in found.items()}}


_KNOWN = _known()
_NAMES = sorted({name for each in _KNOWN.values() for name in (*each.record.names(), *each.record.relations)})
_OPERATORS = [*OPERATORS, "$and", "$or", "$not", "$nothing", "$childIn"]
_SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 5), st.just(2**63), st.floats(allow_nan=False, width=32),
    st.sampled_from(["", "1", "abc", "é\u202e", "2024Q1", "[2024,2025)", "%", "\\", "(", "null", "true", MARK]),
    st.text(max_size=5),
    st.sampled_from(["$user.id", "$user.password", "$nRole", "$nDate.today", "$nDate.last7Days", "$date.now", "x"]).map(
        "{{{{{}}}}}".format
    ),
)  # fmt: skip
_OPERANDS = st.one_of(
    _SCALARS,
    st.lists(_SCALARS, max_size=3),
    st.fixed_dictionaries({"type": st.sampled_from(["today", "past", "nextWeek", "x"])}),
)


@cache
def asked(resource: str) -> Any:
    """(parameters, body) of a call to a resource, mostly in names that it knows."""
    record = _KNOWN[resource].record
    own = [*record.names(), *record.relations]
    further = [name for each in record.relations.values() for name in each.record().names()]
    known, others = [*own, *further] or _NAMES, [*_NAMES, "password", "nothing", "a", "0"]
    name = st.one_of(*[st.sampled_from(known)] * 3, st.sampled_from(others))
    places = st.lists(name, min_size=1, max_size=3).map(".".join)
    lists = st.one_of(places, st.lists(places, max_size=3))
    keys = st.one_of(places, st.sampled_from(_OPERATORS), st.tuples(places, st.sampled_from(_OPERATORS)).map(".".join))
    filters = st.recursive(
        st.dictionaries(keys, _OPERANDS, max_size=3),
        lambda inner: st.one_of(st.dictionaries(keys, st.one_of(inner, st.lists(inner, max_size=2)), max_size=2)),
        max_leaves=4,
    )
    parameters = {
        "filter": st.one_of(filters, filters, st.text(max_size=5)), "sort": lists, "fields": lists, "appends": lists,
        "except": lists, "page": _SCALARS, "pageSize": _SCALARS, "paginate": st.sampled_from(["false", "x"]),
        "filterByTk": _OPERANDS, "whitelist": lists, "branchIndex": _SCALARS, "keepBranch": _SCALARS,
        "triggerWorkflows": _OPERANDS, "createdAt": st.one_of(filters, _OPERANDS), "level": _SCALARS,
        "nodeId": _SCALARS, "sourceId": _SCALARS, "updateAssociationValues": lists, "type": _SCALARS,
        "search": _SCALARS,
    }  # fmt: skip
    written = [*own, *_NAMES, "values", "account", "password", "nodeId", "overwrite", "upstreamId", "branchIndex"]
    values = st.one_of(_OPERANDS, st.dictionaries(st.text(max_size=3), _SCALARS, max_size=2))
    body = st.one_of(st.none(), _SCALARS, st.dictionaries(st.sampled_from(written), values, max_size=4))
    return st.tuples(st.fixed_dictionaries({}, optional=parameters), body)


_ACTIONS = sorted({f"{name}:{action}" for name, each in _KNOWN.items() for action in each.actions()} - {"auth:signOut"})
_CALLS = st.sampled_from(_ACTIONS).flatmap(lambda name: st.tuples(st.just(name), asked(name.rpartition(":")[0])))


def brackets(name: str, value: Any) -> list[str]:
    """The parameter as the client writes objects and lists."""
    if isinstance(value, dict):
        return [pair for key, item in value.items() for pair in brackets(f"{name}[{key}]", item)]
    if isinstance(value, list):
        return [pair for item in value for pair in brackets(f"{name}[]", item)]
    if value is None:
        return [quote(name)]
    return [f"{quote(name)}={quote(value if isinstance(value, str) else json.dumps(value), errors='replace')}"]


def address(name: str, parent: Any, parameters: dict[str, Any], as_json: bool) -> str:
    resource, _colon, action = name.rpartition(":")
    if "." in resource and resource not in _MODELS:
        name = resource.replace(".", f"/{quote(str(parent), safe='')}/") + f":{action}"
    pairs: list[str] = []
    for key, value in parameters.items():
        whole = as_json and isinstance(value, dict)
        pairs += [f"{key}={quote(json.dumps(value))}"] if whole else brackets(key, value)
    return f"/api/{name}?{'&'.join(pairs)}"


def hidden(user: Any) -> Any:
    """Everything but what is concealed."""
    return ~Q(key=MARK)


@pytest.fixture
def stored(settings: Any) -> dict[str, Any]:
    settings.SLUICE = {"SIGN_IN_FAILURES": None, "MODELS": MODELS, "VISIBLE": f"{__name__}.hidden", "THROTTLES": {}}
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    step = ("calculation", {"engine": "math.js", "expression": "1 + 2"})
    open_, concealed = build([step, step], title="Open"), build([step], title=MARK, description=MARK, key=MARK)
    for flow in (open_, concealed):
        run_now(flow, {"data": MARK if flow is concealed else 1})
    drain_all()
    order = Order.objects.create(customer=Customer.objects.create(name=MARK))
    Line.objects.create(order=order, product=Product.objects.create(name=MARK, price=1), price=1)
    reader = person(*VIEWS, "shop.view_order", "shop.view_line", username="reader")
    superuser = boss()
    superuser.groups.add(Group.objects.create(name=MARK))
    for user in (reader, superuser):
        user.password = "pbkdf2_sealed"
        user.save()
    return {
        "superuser": authentication.issue(superuser),
        "reader": authentication.issue(reader),
        "ids": [open_.pk, concealed.pk, *Execution.objects.values_list("pk", flat=True), "undefined", "_", "a%2Fb"],
    }


@settings(
    max_examples=EXAMPLES, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)
@given(
    call=_CALLS,
    parent=st.integers(0, 8),
    as_json=st.booleans(),
    get=st.booleans(),
    zone=st.sampled_from(["", "+08:00", "x"]),
)
def hold(http: Client, stored: dict[str, Any], **case: Any) -> None:
    ids, (name, (parameters, body)) = stored["ids"], case["call"]
    url = address(name, ids[case["parent"] % len(ids)], parameters, case["as_json"])
    for who in ("reader", "superuser"):
        headers = {"authorization": f"Bearer {stored[who]}", "X-Timezone": case["zone"]}
        # What was changed is taken back: a copy of what is concealed would not be.
        with transaction.atomic():
            if case["get"]:
                answer = http.get(url, headers=headers)
            else:
                answer = http.post(url, json.dumps(body), content_type="application/json", headers=headers)
            text = b"".join(answer.streaming_content) if answer.streaming else answer.content
            transaction.set_rollback(True)
        assert answer.status_code < 500, (url, text[:2000])
        if answer.status_code == 404 and "/_/" in url:
            # Without a parent it is no resource of ours.
            continue
        if answer.status_code >= 400:
            assert set(json.loads(text)) == {"errors"}, (url, text[:500])
        elif who == "reader" and answer.status_code == 200:
            assert MARK not in text.decode().replace(url, ""), (url, text[:2000])
        assert b"sealed" not in text
        assert b"pbkdf2" not in text


def test_nothing_that_is_sent_is_a_fault_of_the_server(stored: dict[str, Any]) -> None:
    hold(Client(raise_request_exception=False), stored)


_QS = st.text(st.sampled_from("ab[]$.=&%01,{}\"'_;+é"), max_size=40)


@pytest.mark.django_db
def test_no_query_string_is_a_fault_of_the_server(stored: dict[str, Any]) -> None:
    http, headers = Client(raise_request_exception=False), {"authorization": f"Bearer {stored['reader']}"}

    @settings(max_examples=40, derandomize=True, deadline=None, database=None)
    @given(text=_QS, path=st.sampled_from(["executions:list", "workflows:list", "shop.Order:list"]))
    def ask(text: str, path: str) -> None:
        answer = http.get(f"/api/{path}?{quote(text, safe='[]$.=&%,{}+;')}", headers=headers)
        assert answer.status_code in (200, 400), answer.content

    ask()
