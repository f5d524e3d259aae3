"""Where the next page begins: a text that only we can make, and that is good for the same list alone."""

import hashlib
import json
from typing import Any

from django.core import signing
from django.utils.translation import gettext as _

from executions.dialects.cloudflow.errors import argument
from executions.dialects.cloudflow.parameters import Parameters


def token(place: str, *of: Any) -> str:
    """`of` says which list it is: its operation, flow and filters."""
    return _signer(of).sign_object(place)


def place(parameters: Parameters, *of: Any) -> str:
    """The place that `NextToken` names, "" for the beginning. Raises `Fault` for a text that is none of this list's."""
    text = parameters.optional("NextToken")
    if text is None:
        return ""
    try:
        found = _signer(of).unsign_object(text)
    except (signing.BadSignature, ValueError):
        found = None
    if not isinstance(found, str):
        raise argument("NextToken", _("This is no token of this list; take it from the page before."))
    return found


def _signer(of: tuple[Any, ...]) -> signing.Signer:
    which = hashlib.sha256(json.dumps(of, sort_keys=True, default=str).encode()).hexdigest()
    return signing.Signer(salt=f"sluice.cloudflow.page:{which}")
