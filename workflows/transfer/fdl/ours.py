"""What FDL has no words for, said in keys named `Sluice`: with them any tree of nodes is written in FDL and read again.

A flow with the key `Sluice` is a tree of ours: its states are nodes, one each, their texts are templates, and nothing
is added for what FDL's states give to each other. `Action: Sluice:<type>` is a node of that type with its configuration
as Parameters. The `Sluice` of a state holds, where they say more than the state itself: Key, Title, Config (further
keys of the configuration), Without (keys that it has not), Policy, Branches, ErrorBranch, and Node (false: none, only a
place to go to).
"""

import json
from typing import Any

SLUICE = "Sluice"
ACTION = "Sluice:"
HTTP = "HTTP:Request"
Config = dict[str, Any]


def asked(text: Any) -> Config:
    """The decision that a Condition's text stands for; raises `ValueError`."""
    if not isinstance(text, str):
        raise ValueError(text)
    if not text.startswith(ACTION):
        return {"engine": "math.js", "expression": text}
    engine, _blank, rest = text.removeprefix(ACTION).partition(" ")
    if engine != "basic":
        return {"engine": engine, "expression": rest}
    return {"engine": engine, "calculation": json.loads(rest)}


def condition(config: Any) -> tuple[str, Config] | None:
    """(the text, what it stands for) of a decision; None where it holds none."""
    if not isinstance(config, dict):
        return None
    engine, expression = config.get("engine") or "basic", config.get("expression")
    if engine == "basic":
        if not isinstance(config.get("calculation"), dict):
            return None
        text = json.dumps(config["calculation"], ensure_ascii=False)
    elif isinstance(expression, str):
        text = expression
    else:
        return None
    if engine != "math.js" or not text.strip() or text.startswith(ACTION):
        text = f"{ACTION}{engine} {text}"
    return text, asked(text)


def rest_of(config: Config, meant: Config) -> Config:
    """What `Sluice` says beside a state that stands for the configuration `meant`."""
    more = {name: value for name, value in config.items() if name not in meant or repr(meant[name]) != repr(value)}
    without = [name for name in meant if name not in config]
    return {**({"Config": more} if more else {}), **({"Without": without} if without else {})}


def config_of(meant: Config, ours: Any) -> Config:
    more, without = ours.get("Config"), ours.get("Without")
    config = {**meant, **(more if isinstance(more, dict) else {})}
    return {name: value for name, value in config.items() if name not in (without or ())}


def wait(seconds: Any) -> Config:
    return {"duration": seconds, "unit": 1_000, "endStatus": 1}


def given(output: Any) -> Config:
    return {"target": None, "value": output}


def looped(items: Any) -> Config:
    return {"target": items, "condition": None, "exit": 0}


def called(parameters: Config) -> Config:
    """A request's configuration from the Parameters of an HTTP task."""
    names = {"url": "url", "method": "method", "body": "data"}
    found = {ours: parameters[theirs] for theirs, ours in names.items() if theirs in parameters}
    headers = parameters.get("headers")
    if isinstance(headers, dict):
        found["headers"] = [{"name": name, "value": value} for name, value in headers.items()]
    return found


def parameters(config: Config) -> Config | None:
    """The other way round; None where a request is no HTTP task."""
    pairs = config.get("headers", [])
    if not isinstance(config.get("url"), str) or not isinstance(pairs, list):
        return None
    if any(not isinstance(pair, dict) or {*pair} != {"name", "value"} for pair in pairs):
        return None
    headers = {pair["name"]: pair["value"] for pair in pairs if isinstance(pair["name"], str)}
    if len(headers) != len(pairs):
        return None
    found = {"url": config["url"]}
    if "method" in config:
        found["method"] = config["method"]
    if "headers" in config:
        found["headers"] = headers
    if "data" in config:
        found["body"] = config["data"]
    return found
