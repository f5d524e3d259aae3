from typing import Annotated, Any

import pytest
from pydantic import AliasChoices, BaseModel, Field

from workflows.errors import Invalid
from workflows.instructions.base import NodeConfig
from workflows.instructions.query import QueryConfig
from workflows.keys import check_known
from workflows.options import WorkflowOptions
from workflows.policy import Policy

pytestmark = pytest.mark.once


class Item(NodeConfig):
    unit_price: int = 0


class Other(NodeConfig):
    weight: int = 0


class Whole(NodeConfig):
    items: list[Item] = []
    by_name: dict[str, Item] = {}
    either: Item | Other | None = None
    maybe: Item | str = ""
    one_or_more: Item | list[Item] | None = None
    marked: Annotated[Item, "a note"] | None = None
    loose: Item | dict[str, Any] | None = None
    free: dict[str, object] = {}
    renamed: int = Field(0, validation_alias=AliasChoices("old", "older"))


def refused(model, raw, stored=None):
    try:
        check_known(model, raw, stored)
    except Invalid as error:
        return error.errors
    return {}


@pytest.mark.parametrize(
    ("model", "raw", "expected"),
    [
        pytest.param(Whole, {"items": [], "byName": {}, "by_name": {}}, {}, id="both-spellings"),
        pytest.param(Whole, {"itmes": []}, {"itmes": 'There is no such key. Did you mean "items"?'}, id="nearest"),
        pytest.param(Whole, {"BYNAME": {}}, {"BYNAME": 'There is no such key. Did you mean "byName"?'}, id="capitals"),
        pytest.param(
            Item, {"zzz": 1}, {"zzz": "There is no such key; there are: unitPrice."}, id="nothing-near-lists-all"
        ),
        pytest.param(Whole, {"items": [{"unitPrice": 1}, {"prize": 2}]}, {"items.1.prize": None}, id="in-a-list"),
        pytest.param(Whole, {"byName": {"a": {"prize": 2}}}, {"byName.a.prize": None}, id="in-an-object"),
        pytest.param(Whole, {"either": {"weight": 2}}, {}, id="second-shape"),
        pytest.param(Whole, {"either": {"weight": 2, "x": 1}}, {"either.x": None}, id="the-shape-that-fits-best"),
        pytest.param(Whole, {"either": None, "maybe": "x"}, {}, id="other-parts-of-a-union"),
        pytest.param(Whole, {"maybe": {"prize": 1}}, {"maybe.prize": None}, id="one-shape-of-a-union"),
        pytest.param(Whole, {"oneOrMore": [{"prize": 1}]}, {"oneOrMore.0.prize": None}, id="several-of-one-or-more"),
        pytest.param(Whole, {"oneOrMore": {"prize": 1}}, {"oneOrMore.prize": None}, id="one-of-one-or-more"),
        pytest.param(Whole, {"marked": {"prize": 1}}, {"marked.prize": None}, id="annotated"),
        pytest.param(Whole, {"loose": {"prize": 1}}, {}, id="a-union-with-a-free-object"),
        pytest.param(Whole, {"free": {"anything": {"goes": 1}}}, {}, id="free-object"),
        pytest.param(Whole, {"older": 1}, {}, id="older-name"),
        pytest.param(Whole, {"items": "no list"}, {}, id="wrong-type-is-for-others-to-say"),
        pytest.param(Whole, [], {}, id="no-object"),
        pytest.param(NodeConfig, {"anything": 1}, {}, id="a-kind-that-names-no-keys"),
        pytest.param(Policy, {"retry": {"atempts": 2}}, {"retry.atempts": None}, id="policy"),
        pytest.param(WorkflowOptions, {"stacklimit": 2}, {"stacklimit": None}, id="options"),
        pytest.param(QueryConfig, {"params": {"sort": [{"feild": "id"}]}}, {"params.sort.0.feild": None}, id="query"),
    ],
)
def test_unknown_keys(model, raw, expected):
    found = refused(model, raw)
    assert found.keys() == expected.keys()
    assert all(found[path] == sentence for path, sentence in expected.items() if sentence)


@pytest.mark.parametrize(
    ("stored", "raw", "paths"),
    [
        pytest.param({"mine": 1}, {"mine": 2}, [], id="its-value-may-change"),
        pytest.param({"mine": 1}, {"yours": 2}, ["yours"], id="another"),
        pytest.param(
            {"items": [{}, {"mine": 1}]}, {"items": [{"mine": 1}, {}]}, [], id="an-item-that-moved-takes-it-along"
        ),
        pytest.param({"items": [{"mine": 1}]}, {"items": [], "mine": 1}, ["mine"], id="elsewhere"),
        pytest.param({"items": {"mine": 1}}, {"items": [{"mine": 1}]}, ["items.0.mine"], id="another-shape"),
        pytest.param("text", {"mine": 1}, ["mine"], id="nothing-stored"),
    ],
)
def test_what_is_stored_may_stay(stored, raw, paths):
    assert list(refused(Whole, raw, stored)) == paths


def test_the_error_names_its_field_below_the_prefix():
    with pytest.raises(Invalid) as raised:
        check_known(Whole, {"itmes": []}, None, "config")
    assert raised.value.field == "config.itmes"


def test_a_model_without_the_aliases_of_ours():
    class Plain(BaseModel):
        name: str = ""

    assert list(refused(Plain, {"nmae": "x"})) == ["nmae"]
