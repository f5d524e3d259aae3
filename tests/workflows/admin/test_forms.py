import pytest
from django import forms

from workflows.admin.forms import JsonField, add_errors
from workflows.errors import Frozen, Invalid


class AnyJson(JsonField):
    any_value = True


class Form(forms.Form):
    config = JsonField(required=False)
    place = forms.CharField(required=False)
    aliases = {"upstream": "place"}


@pytest.mark.parametrize(
    ("error", "errors"),
    [
        (Invalid("No.", field="config"), {"config": ["No."]}),
        (Invalid("No.", field="config.a.0"), {"config": ["a.0: No."]}),
        (Invalid("a.0: No.", field="config.a.0"), {"config": ["a.0: No."]}),
        (Invalid("No.", field="upstream"), {"place": ["No."]}),
        (Invalid("No.", field="nodes.3"), {"__all__": ["nodes.3: No."]}),
        (Invalid("x", errors={"config.a": "One.", "place": "Two."}), {"config": ["a: One."], "place": ["Two."]}),
        (Invalid("No."), {"__all__": ["No."]}),
        (Frozen("Read-only."), {"__all__": ["Read-only."]}),
    ],
)
def test_errors_stand_at_their_fields(error, errors):
    form = Form({"config": "{}"})
    form.full_clean()
    add_errors(form, error)
    assert form.errors == errors


@pytest.mark.parametrize(
    ("text", "value"), [("", {}), ("  ", {}), ('{"a": 1}', {"a": 1}), ("[1]", [1]), ('"x"', "x"), ("0", 0)]
)
def test_json_is_read(text, value):
    class Any(Form):
        config = AnyJson(required=False)

    form = Any({"config": text})
    assert form.is_valid()
    assert form.cleaned_data["config"] == value


@pytest.mark.parametrize("text", ["[]", "[1]", '"x"', '""', "0", "null", "false"])
def test_json_that_is_no_object_is_refused(text):
    form = Form({"config": text})
    assert form.errors == {"config": ["Give an object of keys and values."]}
    assert form["config"].value() == text


@pytest.mark.parametrize("text", ["{", "NaN", '"\\u0000"', "[" * 5000, "nope"])
def test_broken_json_is_shown_as_it_was_typed(text):
    form = Form({"config": text})
    assert not form.is_valid()
    assert form["config"].value() == text


@pytest.mark.parametrize(
    ("initial", "text", "changed"),
    [({"a": 1, "b": 2}, '{"b": 2, "a": 1}', False), ({"a": 1}, '{"a": 2}', True), ({}, "", False), ({}, "{", True)],
)
def test_only_another_value_is_a_change(initial, text, changed):
    assert bool(Form({"config": text}, initial={"config": initial}).changed_data) == changed
