"""What a lane's template comes to: a name, a hash of a long one, or a run that ends at once with a sentence."""

import hashlib

import pytest

from executions.dispatcher import start
from executions.drain import drain_all
from executions.models import Execution, Job
from tests.building import build
from tests.executions.walking import PASS
from tests.faults import kinds
from workflows.expressions.limits import TEXT_LIMIT

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.engine]

#: Twice this is a longer text than a template may make.
LONG = "x" * (TEXT_LIMIT // 2 + 1)
TOO_LONG = "{{$context.data.text}}{{$context.data.text}}"


@pytest.fixture(autouse=True)
def acts():
    with kinds.known() as known:
        yield known


def started(template, **data):
    return start(build([PASS], options={"lane": template}), {"data": data})


@pytest.mark.parametrize(
    ("template", "data", "lane"),
    [
        ("one", {}, "one"),
        ("product-{{$context.data.id}}", {"id": 7}, "product-7"),
        ("{{$context.data.id}}", {"id": 7}, "7"),
        ("{{$context.data.id}}", {"id": 0}, "0"),
        ("{{$context.data.id}}", {"id": False}, "false"),
        ("{{$context.data.id}}", {"id": " a\x00b "}, "ab"),
        # A path that leads to no text: what it leads to, as in the midst of a text.
        ("{{$context.data}}", {"id": [1, "é"]}, '{"id":[1,"é"]}'),
        ("{{$context.data.id.deeper}}", {"id": 7}, None),
        ("{{$context.data.nothing}}", {}, None),
    ],
)
def test_the_name_is_the_templates_text(template, data, lane):
    execution = started(template, **data)
    execution.refresh_from_db()
    assert (execution.lane, execution.solo, execution.status) == (lane, True, None)
    drain_all()
    execution.refresh_from_db()
    assert execution.status == 1, execution.error


@pytest.mark.parametrize("length", [200, 201, 5_000])
def test_a_long_name_is_hashed(length):
    text = "é" * length
    lane = text if length <= 200 else hashlib.sha256(text.encode()).hexdigest()
    runs = [started("{{$context.data.text}}", text=text), started("{{$context.data.text}}", text=text)]
    assert list(Execution.objects.values_list("lane", flat=True)) == [lane, lane]
    assert started("{{$context.data.text}}", text=text + "!").lane != lane
    drain_all()
    assert [Execution.objects.get(pk=run.pk).status for run in runs] == [1, 1]


def test_one_that_can_not_be_rendered_ends_the_run_with_a_sentence():
    execution = started(TOO_LONG, text=LONG)
    assert execution.ended_at is not None
    drain_all()
    execution.refresh_from_db()
    assert (execution.status, execution.due_at, execution.lane) == (-2, None, None)
    assert execution.ended_at is not None
    assert execution.error.startswith("The lane could not be rendered: The text would be longer than")
    assert not Job.objects.exists()


def test_it_harms_neither_the_caller_nor_the_others():
    workflow = build([PASS], options={"lane": TOO_LONG})
    broken, sound = start(workflow, {"data": {"text": LONG}}), start(workflow, {"data": {"text": "a"}})
    drain_all()
    broken.refresh_from_db()
    sound.refresh_from_db()
    assert (broken.status, sound.status, sound.lane) == (-2, 1, "aa")
