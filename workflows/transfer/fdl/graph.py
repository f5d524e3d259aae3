"""States that are linked by name: what they lead to, where ways that parted meet again, and what makes no tree."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

#: Where a scope ends; no state's name.
EXIT = ""

Tell = Callable[[str, str], None]


@dataclass(eq=False)
class State:
    """One state: where it stands in the file, and which states it names at which places."""

    #: What the others name it by.
    name: str
    place: str
    targets: list[tuple[str, str]] = field(default_factory=list)
    #: What people call it, where that is something else.
    called: str = ""

    #: Whether the flow, or its scope, goes on from here.
    returns = True

    def lost(self, env: tuple[Any, ...]) -> tuple[Any, ...]:
        """What the states behind it find where it was told to be wrong, so that they are looked at too."""
        return env

    @property
    def title(self) -> str:
        return self.called or self.name

    @property
    def next(self) -> str:
        return self.targets[0][1]


@dataclass(eq=False)
class Scope:
    """States that lead to each other: the flow's, those of a branch or those of an iteration."""

    place: str
    start: str
    states: Mapping[str, State]
    #: Whether it is the flow itself.
    main: bool = False
    #: By the name of a state that leads on: where all its ways meet again; "" is the end of the scope.
    joins: dict[str, str] = field(default_factory=dict)

    def check(self, tell: Tell) -> bool:
        """Tells what is wrong with the links; whether they are good. Joins are known from then on."""
        good = self._check_targets(tell)
        if not good:
            return False
        order = self._in_order(tell)
        if order is None:
            return False
        for name, state in self.states.items():
            if name not in order:
                tell(state.place, _("No state leads to %s; link it or take it out.") % state.title[:80])
                good = False
        if good:
            self._join(order)
        return good

    def _check_targets(self, tell: Tell) -> bool:
        known = ", ".join(self.states)[:500]
        wrong = [] if self.start in self.states else [(f"{self.place}.StartAt".lstrip("."), self.start)]
        for state in self.states.values():
            wrong += [(place, to) for place, to in state.targets if to != EXIT and to not in self.states]
        for place, to in wrong:
            tell(place, _("There is no state %(name)s in this scope; there are: %(known)s.")
                 % {"name": to[:80], "known": known})  # fmt: skip
        return not wrong

    def _in_order(self, tell: Tell) -> list[str] | None:
        """Those that are reached, each before what it leads to; None where they lead in a circle."""
        done: dict[str, bool] = {}
        order: list[str] = []
        stack: list[tuple[str, Iterator[str]]] = []

        def enter(name: str) -> None:
            done[name] = False
            stack.append((name, iter([to for _place, to in self.states[name].targets if to != EXIT])))

        enter(self.start)
        while stack:
            name, following = stack[-1]
            to = next(following, None)
            if to is None:
                done[name] = True
                order.append(name)
                stack.pop()
            elif to not in done:
                enter(to)
            elif not done[to]:
                names = [each for each, _following in stack]
                circle = " → ".join(self.states[each].title for each in [*names[names.index(to) :], to])
                place = next(place for place, target in self.states[name].targets if target == to)
                tell(place, _("States lead in a circle, which no tree of nodes holds: %s.") % circle[:500])
                return None
        order.reverse()
        return order

    def _join(self, order: list[str]) -> None:
        """Each state's nearest one behind that every way to the end goes through; what ends the flow doesn't count."""
        depth = {EXIT: 0}
        for name in reversed(order):
            ways = [to for _place, to in self.states[name].targets if to in depth]
            if not self.states[name].returns or not ways:
                continue
            met = ways[0]
            for other in ways[1:]:
                while met != other:
                    if depth[met] >= depth[other]:
                        met = self.joins[met]
                    else:
                        other = self.joins[other]
            self.joins[name] = met
            depth[name] = depth[met] + 1
