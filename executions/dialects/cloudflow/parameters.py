"""An operation's parameters: those of the query and of the form together, each read as what it must be."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

from django.utils.translation import gettext as _

from executions.dialects.cloudflow.errors import Fault, argument
from workflows import jsoninput
from workflows.errors import Invalid

#: Bytes of an input or an output.
MOST_BYTES = 65_536
_MOST_FIELDS = 200
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,127}", re.ASCII)
_NUMBER = re.compile(r"-?[0-9]{1,18}", re.ASCII)
_MOMENT = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt]([0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.([0-9]{1,9}))?([Zz]|[+-][0-9]{2}:[0-9]{2})",
    re.ASCII,
)
_MILLISECOND = timedelta(milliseconds=1)


def fields(text: str) -> dict[str, str]:
    """The fields of a query or a form, decoded as UTF-8, empty ones kept. Raises `Fault` for what can't be read."""
    try:
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise Fault(
            "InvalidArgument", _("The parameters can't be read; send them in UTF-8, percent-encoded.")
        ) from None
    for name, value in pairs:
        if "\x00" in name or "\x00" in value:
            raise argument(name.replace("\x00", ""), _("No parameter holds NUL."))
    return dict(pairs)


class Parameters:
    """What one request gives an operation. Everything raises `Fault`, naming the parameter."""

    def __init__(self, given: Mapping[str, str]) -> None:
        self.given = given

    def optional(self, name: str, least: int = 0, most: int | None = None) -> str | None:
        """The text; None where it is absent or empty."""
        text = self.given.get(name, "")
        if not text:
            return None
        if most is not None and not least <= len(text) <= most:
            raise argument(name, _("Give %(least)d to %(most)d characters.") % {"least": least, "most": most})
        return text

    def required(self, name: str, least: int = 1, most: int | None = None) -> str:
        text = self.optional(name, least, most)
        if text is None:
            raise Fault("MissingRequiredParams", name)
        return text

    def has(self, name: str) -> bool:
        """Whether it is there at all, be it empty."""
        return name in self.given

    def name(self, name: str) -> str:
        """A name as the vendor's rules have it."""
        text = self.optional_name(name)
        if text is None:
            raise Fault("MissingRequiredParams", name)
        return text

    def optional_name(self, name: str) -> str | None:
        text = self.optional(name)
        if text is not None and not _NAME.fullmatch(text):
            raise argument(name, _("Begin with a letter or _; then letters, digits, _ and -, 128 at most."))
        return text

    def number(self, name: str, default: int, least: int, most: int) -> int:
        text = self.optional(name)
        if text is None:
            return default
        number = int(text) if _NUMBER.fullmatch(text) else None
        if number is None or not least <= number <= most:
            raise argument(name, _("Give a whole number from %(least)d to %(most)d.") % {"least": least, "most": most})
        return number

    def flag(self, name: str) -> bool | None:
        """Python's clients write True, others true."""
        text = (self.optional(name) or "").lower()
        if text not in ("", "true", "false"):
            raise argument(name, _("Give true or false."))
        return text == "true" if text else None

    def choice(self, name: str, known: Mapping[str, Any]) -> str | None:
        text = self.optional(name)
        if text is not None and text not in known:
            raise argument(name, _("There is no %(given)r; there are %(known)s.") % {
                "given": text[:40], "known": ", ".join(known)})  # fmt: skip
        return text

    def moment(self, name: str) -> tuple[datetime, bool] | None:
        """(the millisecond, whether the text lies behind its beginning) of a moment of RFC 3339."""
        text = self.optional(name)
        if text is None:
            return None
        found = _MOMENT.fullmatch(text)
        try:
            if found is None:
                raise ValueError
            day, time, fraction, zone = found.groups()
            digits = (fraction or "").ljust(9, "0")
            moment = datetime.fromisoformat(f"{day}T{time}{zone.upper().replace('Z', '+00:00')}").astimezone(UTC)
            return moment + int(digits[:3]) * _MILLISECOND, digits[3:] != "000000"
        except (ValueError, OverflowError):
            raise argument(name, _("Give a date and time as 2026-01-31T12:00:00.000Z.")) from None

    def document(self, name: str, *, required: bool = False, is_object: bool = True) -> Any:
        """The value of a JSON text of 64 KiB at most; None where it is absent."""
        text = self.required(name) if required else self.optional(name)
        if text is None:
            return None
        if len(text.encode()) > MOST_BYTES:
            raise Fault("EntityTooLarge", MOST_BYTES)
        try:
            value = jsoninput.loads(text)
        except Invalid as error:
            raise argument(f"{name}.{error.field}" if error.field else name, error) from None
        if is_object and not isinstance(value, dict):
            raise argument(name, _("Give a JSON object as text."))
        return value

    def none_of(self, *names: str) -> None:
        """What is not served: refused rather than passed over."""
        for name in names:
            if self.optional(name) is not None:
                raise argument(name, _("This is not supported here; leave it out."))

    def latest(self, name: str) -> None:
        """Which version or alias is meant: there is the latest alone."""
        if self.optional(name) not in (None, "LATEST"):
            raise argument(name, _("Versions and aliases are not supported here; leave it out, or write LATEST."))
