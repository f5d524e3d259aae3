"""Values in a rendered filter stay values: who sends the data writes no conditions."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from workflows.errors import Invalid

_JOINS = ("$and", "$or", "$not")


def check_rendered(written: Any, rendered: Any, *, path: str, value: bool = False) -> None:
    """Raises `Invalid` where a text of the filter as it was written, that stands for the value of a field (`value`),
    came out as an object, which would be read as conditions. A text that stands for a whole filter may be one."""
    if isinstance(written, str):
        if value and isinstance(rendered, Mapping):
            raise Invalid(
                _('This came out as an object; a template gives one value here. Compare to an object by {"$eq": ...}.'),
                field=path,
            )
    elif isinstance(written, list) and isinstance(rendered, list):
        for index, (before, after) in enumerate(zip(written, rendered, strict=True)):
            check_rendered(before, after, path=f"{path}.{index}", value=value)
    elif isinstance(written, Mapping) and isinstance(rendered, Mapping):
        if len(written) != len(rendered):
            raise Invalid(_("Two conditions came out under one name; name the fields without templates."), field=path)
        for (name, before), (key, after) in zip(written.items(), rendered.items(), strict=True):
            last = str(key).rpartition(".")[2]
            below = value if last in _JOINS else not last.startswith("$")
            check_rendered(before, after, path=f"{path}.{name}", value=below)
