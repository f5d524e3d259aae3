"""Headers that people configure, of calls and of answers."""

import re
from typing import Any

from django.utils.translation import gettext as _

from workflows.answering import is_the_servers
from workflows.errors import Invalid
from workflows.expressions.text import to_text
from workflows.instructions.base import NodeConfig

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


class Pair(NodeConfig):
    name: str = ""
    value: Any = None


def sendable(name: Any, value: Any, path: str) -> dict[str, str] | None:
    """The header of an answer as it is sent; None for one without a name. Raises `Invalid` with paths below `path`."""
    name, value = to_text(name).strip(), to_text(value).strip()
    if not name:
        return None
    if not _NAME.fullmatch(name):
        raise Invalid(_("%r is no name of a header.") % name, field=f"{path}.name")
    if is_the_servers(name):
        raise Invalid(_("The header %s is the server's own; leave it out.") % name, field=f"{path}.name")
    if _CONTROL.search(value):
        raise Invalid(_("A header's value is one line."), field=f"{path}.value")
    return {"name": name, "value": value}
