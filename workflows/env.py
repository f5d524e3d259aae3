"""`$env`: the secrets that a version's templates name, as a run sees them, and as everything else must not."""

import html
import json
import re
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any
from urllib.parse import quote, quote_plus

from django.utils.functional import cached_property
from django.utils.translation import gettext as _

from workflows.expressions.errors import ExpressionError
from workflows.expressions.paths import PLACEHOLDER, split_placeholder
from workflows.secrecy import MASK

ROOT = "$env"
#: Shorter ones are masked only where they are the whole value: they stand in too many words.
SHORTEST_PART = 4


def env_names(value: Any) -> frozenset[str]:
    """The names under `$env` that templates anywhere in this JSON value ask for."""
    names: set[str] = set()
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            stack.extend(item.keys())
            stack.extend(item.values())
        elif isinstance(item, list | tuple):
            stack.extend(item)
        elif isinstance(item, str) and ROOT in item:
            names.update(_names_in(item))
    return frozenset(names)


def _names_in(text: str) -> Iterator[str]:
    for found in PLACEHOLDER.finditer(text):
        segments = split_placeholder(found[1])[0].split(".")
        # Wherever it stands: `ctx` leads to it too, as often as one likes.
        yield from (after for root, after in pairwise(segments) if root == ROOT and after)


class Env(Mapping[str, str]):
    """The secrets of these names and of no others, loaded once, when first asked for.

    It tells no names and has no items, so that `{{$env}}` as a whole gives an empty object.
    """

    def __init__(self, names: frozenset[str]) -> None:
        self.names = names

    def __getitem__(self, name: str) -> str:
        """Raises `ExpressionError` for a name that is no secret's, `Unopenable`."""
        found = self._rows.get(name)
        if found is None:
            raise ExpressionError(
                _("There is no secret %s; add it under Secrets, or correct the name after $env.") % name
            )
        from workflows import secrets

        return secrets.unseal(found)

    def get(self, name: str, default: Any = None) -> Any:
        """As `[name]`: a secret that is missing is never a value, lest a request goes out without its key."""
        return self[name]

    def __contains__(self, name: object) -> bool:
        return name in self._rows

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0

    def load(self) -> None:
        """Asks the database now, one query; none where no name is named."""
        self._masker  # noqa: B018

    @cached_property
    def _rows(self) -> "dict[str, Any]":
        if not self.names:
            return {}
        # Encryption is needed where secrets are.
        from workflows import secrets

        return secrets.load(sorted(self.names))

    @cached_property
    def _masker(self) -> "Masker":
        if not self._rows:
            return Masker([])
        from workflows import secrets

        return Masker([secrets.unseal(row) for row in self._rows.values() if secrets.opens(row)])

    def masked(self, value: Any, *, state: bool = False) -> Any:
        """The JSON value without them; the very value where there is nothing to mask.

        `state`: only texts are masked, neither keys nor numbers, for a kind that waits goes on by what it kept.
        """
        return self._masker.masked(value, state=state) if self.names else value

    def traceable(self, error: BaseException) -> BaseException | None:
        """The error, where its traceback may stand in a log: only if no secret can be in it."""
        return None if self.names else error


class Masker:
    """Takes these texts out of JSON values, also as they stand in URLs, JSON and HTML, whatever their case."""

    def __init__(self, texts: list[str]) -> None:
        # Without the blanks around it, as servers read a header. What is part of the mask itself hides nothing, and
        # would grow each time.
        hidden = [form for text in texts for form in (text, text.strip()) if form and form not in MASK]
        self._whole = frozenset(hidden)
        long = {form for text in hidden if len(text) >= SHORTEST_PART for form in _forms(text)}
        # The longest first: one may be part of another.
        forms = sorted(long, key=lambda form: (-len(form), form))
        self._parts = re.compile("|".join(map(re.escape, forms)), re.IGNORECASE) if forms else None
        self._numbers = frozenset(text for text in hidden if len(text) >= SHORTEST_PART)

    def masked(self, value: Any, *, state: bool = False) -> Any:
        if not self._whole:
            return value
        return self._masked(value, state)

    def _masked(self, value: Any, state: bool) -> Any:
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, dict):
            made = {key if state else self._text(key): self._masked(item, state) for key, item in value.items()}
            same = len(made) == len(value) and all(made.get(key, self) is item for key, item in value.items())
            return value if same else made
        if isinstance(value, list):
            items = [self._masked(item, state) for item in value]
            return value if all(new is old for new, old in zip(items, value, strict=True)) else items
        if state or isinstance(value, bool) or not isinstance(value, int | float):
            return value
        return MASK if str(value) in self._numbers else value

    def _text(self, text: str) -> str:
        if text in self._whole:
            return MASK
        if self._parts is None:
            return text
        made = self._parts.sub(MASK, text)
        return text if made == text else made


def _forms(text: str) -> set[str]:
    """The text, and what becomes of it in a URL, in JSON and in HTML."""
    return {
        text,
        quote(text),
        quote(text, safe=""),
        quote_plus(text),
        json.dumps(text)[1:-1],
        json.dumps(text, ensure_ascii=False)[1:-1],
        repr(text)[1:-1],
        html.escape(text),
    }
