"""FDL's text as a value and back: YAML 1.2's plain kinds, or JSON, within bounds."""

import json
import re
from collections.abc import Mapping
from typing import Any

import yaml
from django.utils.translation import gettext as _

from workflows import jsoninput
from workflows.errors import Invalid

#: Characters of a definition; PyYAML takes about a second for so many.
LONGEST = 200_000
#: Values in it, each mention of an anchor counted again.
_MOST_VALUES = 50_000

_NEW = re.compile(r"^[ \t]*([\"']?)Type\1[ \t]*:[ \t]*([\"']?)StateMachine\2[ \t]*(?:#.*)?\r?$", re.MULTILINE)
_OLD = re.compile(r"^[ \t]*([\"']?)type\1[ \t]*:[ \t]*([\"']?)flow\2[ \t]*(?:#.*)?\r?$", re.MULTILINE)
_BREAKS = re.compile("[\x85\u2028\u2029]")
_TAG = "tag:yaml.org,2002:"
#: As in YAML 1.2 and so in JSON: `no` and `12:30` are texts, and so are dates.
_SCALARS = (
    ("null", re.compile(r"~|null|Null|NULL|"), "~nN\0"),
    ("bool", re.compile(r"true|True|TRUE|false|False|FALSE"), "tTfF"),
    ("int", re.compile(r"[-+]?[0-9]+"), "-+0123456789"),
    ("float", re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"), "-+.0123456789"),
)


def looks_new(text: str) -> bool:
    return _looks(text, _NEW, "Type", "StateMachine")


def looks_old(text: str) -> bool:
    return _looks(text, _OLD, "type", "flow")


def _looks(text: str, pattern: re.Pattern[str], key: str, value: str) -> bool:
    if not text.lstrip().startswith("{"):
        return pattern.search(text) is not None
    if value not in text:
        return False
    try:
        found = jsoninput.loads(text)
    except Invalid:
        return False
    return isinstance(found, dict) and found.get(key) == value


def loads(text: str) -> dict[str, Any]:
    """The definition's object. Raises `Invalid` for what is none, or is too large, or says a key twice."""
    if len(text) > LONGEST:
        raise Invalid(_("A definition in FDL has at most %d characters; split the flow in two.") % LONGEST)
    value = _json(text) if text.lstrip().startswith("{") else _yaml(text)
    if not isinstance(value, dict):
        raise Invalid(_("A definition in FDL is an object of keys and values."))
    return value


def _json(text: str) -> Any:
    value = jsoninput.loads(text)
    json.loads(text, object_pairs_hook=_keys_once)
    return value


def _keys_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for key, value in pairs:
        if key in made:
            raise Invalid(_("This is not valid JSON: %s.") % (_("the key %s appears twice") % key[:80]))
        made[key] = value
    return made


def _yaml(text: str) -> Any:
    try:
        root = yaml.compose(text, Loader=_Loader)
        _check(root)
        value = _Loader("").construct_document(root) if root is not None else None
    except yaml.MarkedYAMLError as error:
        raise Invalid(_("This is not valid YAML: %s.") % _told(error)) from None
    except yaml.YAMLError as error:
        raise Invalid(_("This is not valid YAML: %s.") % str(error).split("\n")[0]) from None
    except RecursionError:
        raise Invalid(_("The definition is nested too deep; %d levels is the most.") % jsoninput.MAX_DEPTH) from None
    except ValueError as error:
        # More digits than Python reads.
        raise Invalid(_("This is not valid YAML: %s.") % error) from None
    jsoninput.check(value)
    return value


def _told(error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    problem = error.problem or error.context or _("it can't be read")
    return problem if mark is None else _("%(problem)s in line %(line)d") % {"problem": problem, "line": mark.line + 1}


#: What a value may be tagged, by its form.
_TAGS = {
    yaml.MappingNode: {_TAG + "map"},
    yaml.SequenceNode: {_TAG + "seq"},
    yaml.ScalarNode: {_TAG + name for name in ("str", "null", "bool", "int", "float")},
}


def _check(root: yaml.Node | None) -> None:
    """An anchor may stand for much, and be named often: counted as if each mention were written out."""
    stack = [(root, 0)] if root is not None else []
    seen = 0
    while stack:
        node, depth = stack.pop()
        seen += 1
        if depth > jsoninput.MAX_DEPTH:
            raise Invalid(_("The definition is nested too deep; %d levels is the most.") % jsoninput.MAX_DEPTH)
        if seen > _MOST_VALUES:
            raise Invalid(_("The definition holds more than %d values; split the flow in two.") % _MOST_VALUES)
        if node.tag not in _TAGS[type(node)]:
            problem = _("the tag %s, which is not taken here") % str(node.tag)[:80]
            raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark)
        if isinstance(node, yaml.MappingNode):
            stack.extend((part, depth + 1) for pair in node.value for part in pair)
        elif isinstance(node, yaml.SequenceNode):
            stack.extend((part, depth + 1) for part in node.value)


class _Loader(yaml.SafeLoader):
    """Texts, numbers, true, false, null, lists and objects with texts as keys; nothing else."""

    # Not those of the base, which are YAML 1.1's.
    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}


class _Dumper(yaml.SafeDumper):
    """Quotes what either version of YAML would take for something else than a text."""

    yaml_implicit_resolvers = {first: [*found] for first, found in yaml.SafeDumper.yaml_implicit_resolvers.items()}

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _object(loader: _Loader, node: yaml.MappingNode) -> Any:
    """Without YAML 1.1's merge keys: `<<` is a key like others. Objects are made before what is in them."""
    made: dict[str, Any] = {}
    yield made
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        if not isinstance(key, str):
            problem = _("a key that is not a text")
            raise yaml.constructor.ConstructorError(None, None, problem, key_node.start_mark)
        if key in made:
            problem = _("the key %s appears twice") % key[:80]
            raise yaml.constructor.ConstructorError(None, None, problem, key_node.start_mark)
        made[key] = loader.construct_object(value_node, deep=True)


def _truth(loader: _Loader, node: yaml.ScalarNode) -> bool:
    text = loader.construct_scalar(node).lower()
    if text not in ("true", "false"):
        raise yaml.constructor.ConstructorError(None, None, _("neither true nor false"), node.start_mark)
    return bool(text == "true")


def _whole(loader: _Loader, node: yaml.ScalarNode) -> int:
    return int(loader.construct_scalar(node))


def _broken(loader: _Loader, node: yaml.ScalarNode) -> float:
    return float(loader.construct_scalar(node))


for _name, _pattern, _firsts in _SCALARS:
    _whole_text = re.compile(rf"(?:{_pattern.pattern})\Z")
    for _first in [character.replace("\0", "") for character in _firsts]:
        for _class in (_Loader, _Dumper):
            _class.yaml_implicit_resolvers.setdefault(_first, []).append((_TAG + _name, _whole_text))
# Own tables: the base's would be changed for everybody.
_Loader.yaml_constructors = {
    _TAG + "null": yaml.SafeLoader.yaml_constructors[_TAG + "null"],
    _TAG + "bool": _truth,
    _TAG + "int": _whole,
    _TAG + "float": _broken,
    _TAG + "str": yaml.SafeLoader.yaml_constructors[_TAG + "str"],
    _TAG + "seq": yaml.SafeLoader.yaml_constructors[_TAG + "seq"],
    _TAG + "map": _object,
}


def _text(dumper: _Dumper, text: str) -> yaml.Node:
    # PyYAML takes a break of Unicode's for one of its own, and loses it.
    style = '"' if _BREAKS.search(text) else None
    return dumper.represent_scalar(_TAG + "str", text, style=style)


_Dumper.add_representer(str, _text)


def dumps(value: Mapping[str, Any]) -> str:
    """The same text for the same value, its keys in their order."""
    text: str = yaml.dump(
        value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=False, width=120
    )
    return text
