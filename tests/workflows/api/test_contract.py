"""The API keeps to its description, whatever it is sent: what the description allows, and what it does not."""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.core.cache import cache
from django.core.wsgi import get_wsgi_application
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.building import build, fired
from tests.people import boss, person
from workflows.api.openapi import Generator
from workflows.models import Category, Node, Workflow

pytestmark = [
    pytest.mark.once,
    pytest.mark.django_db(transaction=True),
    # What hypothesis and schemathesis do inside is theirs.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
#: Requests for each operation and person, half of them with bodies and parameters that the description forbids.
EXAMPLES = 6
VIEWS = [f"{app}.view_{model}" for app, model in (
    ("workflows", "workflow"), ("workflows", "node"), ("workflows", "category"), ("executions", "execution"),
    ("executions", "job"),
)]  # fmt: skip


def _schema() -> Any:
    return schemathesis.openapi.from_dict(Generator(prefix="/api/v1/").get_schema())


def _operations() -> list[str]:
    return [f"{each.ok().method.upper()} {each.ok().path}" for each in _schema().get_all_operations()]


@pytest.fixture(scope="module")
def contract() -> Any:
    return _schema()


@pytest.fixture
def stored(settings: Any) -> Iterator[dict[str, list[int]]]:
    """Records of every kind, by the first word of the paths that name them; none is limited in how often it is read."""
    settings.SLUICE = {"SIGN_IN_FAILURES": None}
    # Wrong passwords are many here; a good hash would take most of the time.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    waiting = build([("delay", {"unit": 3_600_000, "duration": 1})])
    branching = build([fired(), ("calculation", {"engine": "math.js", "expression": "1+2"})], name="branching")
    category = Category.objects.create(title="c")
    ids: dict[str, list[int]] = {"categories": [category.pk]}
    from executions import run_now

    runs = [run_now(waiting, {}), run_now(branching, {"data": {"amount": 200}})]
    ids["executions"] = [run.pk for run in runs if run is not None]
    ids["jobs"] = [job.pk for run in runs if run is not None for job in run.jobs.all()]
    ids["workflows"] = [*Workflow.objects.values_list("pk", flat=True)]
    ids["nodes"] = [*Node.objects.values_list("pk", flat=True)]
    yield ids
    cache.clear()


@pytest.fixture(params=["superuser", "viewer"])
def credentials(request: pytest.FixtureRequest, stored: Any) -> dict[str, str]:
    user = boss() if request.param == "superuser" else person(*VIEWS, username="viewer")
    from workflows import tokens

    return {"Authorization": f"Bearer {tokens.sign_in(user).access}"}


@pytest.mark.parametrize("operation", _operations())
def test_every_answer_is_as_described(
    contract: Any, operation: str, stored: dict[str, list[int]], credentials: dict[str, str]
) -> None:
    method, _space, path = operation.partition(" ")
    described = contract[path][method]
    kind = path.removeprefix("/api/v1/").partition("/")[0]
    app = get_wsgi_application()
    cases = st.one_of(
        described.as_strategy(generation_mode=GenerationMode.POSITIVE),
        described.as_strategy(generation_mode=GenerationMode.NEGATIVE),
    )

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases, which=st.integers(0, 20))
    def hold(case: Any, which: int) -> None:
        # A record that is there, most of the time.
        if which and "id" in (case.path_parameters or {}) and stored.get(kind):
            case.path_parameters["id"] = stored[kind][which % len(stored[kind])]
        # A stream that is followed ends with its run, and one waits for an hour.
        if case.query:
            case.query.pop("follow", None)
        case.call_and_validate(app=app, base_url="http://testserver", headers=credentials, checks=CHECKS)

    hold()
