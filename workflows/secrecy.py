"""What is never shown: values whose names say that they are secrets."""

import re
from typing import Any

#: What a secret is shown as.
MASK = "******"
_NAMES = re.compile(
    r"(passw(or)?d|passphrase|(?<![a-z])pass|secret|api[-_]?key|private[-_]?key|credentials?|authorization|cookie|token)$",
    re.I,
)


def is_secret_name(name: object) -> bool:
    """Whether a key, header or parameter of this name holds a secret."""
    return isinstance(name, str) and _NAMES.search(name) is not None


def secret_keys(value: dict[str, Any]) -> set[str]:
    """The keys whose values are secrets: `{"password": ...}`, and `value` where headers are written as
    `{"name": "Authorization", "value": ...}`. What is empty hides nothing."""
    named = is_secret_name(value.get("name"))
    return {
        name
        for name, item in value.items()
        if item not in (None, "", {}, []) and (is_secret_name(name) or (named and name == "value"))
    }


def masked(value: Any) -> Any:
    """The JSON value with its secrets masked."""
    if isinstance(value, list):
        return [masked(item) for item in value]
    if not isinstance(value, dict):
        return value
    hidden = secret_keys(value)
    return {name: MASK if name in hidden else masked(item) for name, item in value.items()}
