import json

import pytest
from pydantic import BaseModel, Field

from workflows.admin.schemas import schema, skeleton, trigger_example
from workflows.instructions import instructions
from workflows.instructions.base import NodeConfig
from workflows.triggers import triggers


class Inner(BaseModel):
    name: str
    tags: list[str]


class Outer(NodeConfig):
    some_text: str
    number: int = 3
    inner: Inner
    many: list[Inner] = []
    maybe: str | None = None
    either: int | str
    mode: str = Field(default="a")
    flag: bool


def test_a_skeleton_has_every_key_with_its_default_or_an_empty_value():
    assert skeleton(Outer) == {
        "someText": "", "number": 3, "inner": {"name": "", "tags": []}, "many": [], "maybe": None, "either": 0,
        "mode": "a", "flag": False,
    }  # fmt: skip


class Loop(BaseModel):
    inside: "Loop | None" = None
    must: "list[Loop]"
    own: "Loop"


def test_a_schema_that_names_itself_ends():
    part, depth = skeleton(Loop), 0
    while part:
        part, depth = part["own"], depth + 1
    assert 1 < depth < 10


@pytest.mark.parametrize("kind", [*instructions().values(), *triggers().values()], ids=lambda kind: kind.type)
def test_every_kind_has_a_schema_and_a_skeleton(kind):
    assert schema(kind.Config)["type"] == "object"
    assert isinstance(skeleton(kind.Config), dict)


def test_the_example_of_model_events_works_here_and_tells_its_modes():
    kind = triggers()["collection"]
    text, note = trigger_example(kind)
    example = json.loads(text)
    assert example["mode"] == 3
    kind.check(kind.parse(example))
    assert "4 for deleted" in note


def test_the_example_of_schedules_works():
    kind = triggers()["schedule"]
    kind.check(kind.parse(json.loads(trigger_example(kind)[0])))
