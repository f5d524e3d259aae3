"""What an object of a definition holds: taken key by key, and the rest told."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from django.utils.translation import gettext as _

from workflows.transfer.fdl.tree import Faults

_MISSING: Any = object()


def path(*parts: str | int) -> str:
    return ".".join(str(part) for part in parts if part != "")


class Fields:
    """An object at a place. Each method answers a value of the right kind, whatever stands there, and tells."""

    def __init__(self, value: Any, place: str, faults: Faults) -> None:
        self.place = place
        self.faults = faults
        self._known: set[str] = set()
        self._value: Mapping[str, Any] = value if isinstance(value, dict) else {}
        if not isinstance(value, dict):
            faults.tell(place, _("Give an object of keys and values."))

    def __contains__(self, name: str) -> bool:
        return name in self._value

    def at(self, name: str | int) -> str:
        return path(self.place, name)

    def tell(self, name: str, message: str, *, fatal: bool = True) -> None:
        self.faults.tell(self.at(name), message, fatal=fatal)

    def get(self, name: str) -> Any:
        self._known.add(name)
        return self._value.get(name)

    def text(self, name: str, *, required: bool = False) -> str:
        value = self.get(name)
        if value is None and not required:
            return ""
        if not isinstance(value, str) or (required and not value.strip()):
            self.tell(name, _("Give a text."))
            return ""
        return value

    def number(self, name: str, least: float, most: float, default: Any = None, *, whole: bool = True) -> Any:
        """None is the default's; digits in quotes are a number too."""
        value = self.get(name)
        if value is None:
            return default
        if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 10:
            value = int(value)
        fits = type(value) is int or (type(value) is float and not whole)
        if not fits or not least <= value <= most:
            sentence = (
                _("Give a whole number from %(least)s to %(most)s.")
                if whole
                else _("Give a number from %(least)s to %(most)s.")
            )
            self.tell(name, sentence % {"least": least, "most": most})
            return default
        return value

    def flag(self, name: str) -> bool:
        value = self.get(name)
        if not isinstance(value, bool | None):
            self.tell(name, _("Give true or false."))
        return value is True

    def items(self, name: str, *, required: bool = False) -> list[Any]:
        value = self.get(name)
        if value is None and not required:
            return []
        if not isinstance(value, list) or (required and not value):
            self.tell(name, _("Give a list."))
            return []
        return value

    def object(self, name: str) -> dict[str, Any] | None:
        """None where there is none."""
        value = self.get(name)
        if value is None:
            return None
        if not isinstance(value, dict):
            self.tell(name, _("Give an object of keys and values."))
            return None
        return value

    def below(self, name: str) -> "Fields":
        return Fields(self.get(name), self.at(name), self.faults)

    def no_more(self, also: Iterable[str] = ()) -> None:
        """What was not asked for is not taken. `also` are passed over."""
        known = self._known.union(also)
        for name in self._value:
            if name in known:
                continue
            near = get_close_matches(name, known, n=1, cutoff=0.7)
            told = _("Did you mean %s?") % near[0] if near else _("Take it out.")
            self.tell(name, _("%(name)s is not taken here. %(told)s") % {"name": name[:80], "told": told})
