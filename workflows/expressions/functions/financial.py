"""Money over time, as spreadsheets compute it: what is paid out is negative."""

import math
from collections.abc import Callable
from typing import Any

from django.utils.translation import gettext as _

from workflows.expressions.errors import ExpressionError
from workflows.expressions.functions.common import flat, numbers_in, whole
from workflows.expressions.functions.registry import Meter, function
from workflows.expressions.functions.zones import read
from workflows.expressions.operators import finite, number
from workflows.expressions.values import truthy

_ROUNDS = 100


def _floats(name: str, *values: Any) -> list[float]:
    return [float(number(value, f"{name}()")) for value in values]


def _growth(rate: float, periods: float) -> float:
    return math.pow(1 + rate, periods)


def _annuity(rate: float, periods: float, begin: Any) -> float:
    """What 1 paid each period comes to at the end."""
    if not rate:
        return periods
    return (1 + rate * truthy(begin)) * math.expm1(periods * math.log1p(rate)) / rate


def _future(rate: float, periods: float, payment: float, present: float, begin: Any) -> float:
    return -(present * _growth(rate, periods) + payment * _annuity(rate, periods, begin))


@function("FV")
def _future_value(rate: Any, periods: Any, payment: Any, present: Any = 0, begin: Any = 0) -> Any:
    share, count, paid, now = _floats("FV", rate, periods, payment, present)
    return finite(_future(share, count, paid, now, begin))


@function("PV")
def _present_value(rate: Any, periods: Any, payment: Any, future: Any = 0, begin: Any = 0) -> Any:
    share, count, paid, rest = _floats("PV", rate, periods, payment, future)
    return finite(-(rest + paid * _annuity(share, count, begin)) / _growth(share, count))


def _payment(rate: float, periods: float, present: float, future: float, begin: Any) -> float:
    return -(future + present * _growth(rate, periods)) / _annuity(rate, periods, begin)


@function("PMT")
def _payments(rate: Any, periods: Any, present: Any, future: Any = 0, begin: Any = 0) -> Any:
    share, count, now, rest = _floats("PMT", rate, periods, present, future)
    return finite(_payment(share, count, now, rest, begin))


@function("NPER")
def _periods(rate: Any, payment: Any, present: Any, future: Any = 0, begin: Any = 0) -> Any:
    share, paid, now, rest = _floats("NPER", rate, payment, present, future)
    if not share:
        return finite(-(now + rest) / paid)
    each = paid * (1 + share * truthy(begin))
    return finite(math.log((each - rest * share) / (each + now * share)) / math.log1p(share))


@function("IPMT")
def _interest(rate: Any, period: Any, periods: Any, present: Any, future: Any = 0, begin: Any = 0) -> Any:
    share, count, now, rest = _floats("IPMT", rate, periods, present, future)
    place = whole(period, "IPMT()")
    if not 1 <= place <= count:
        raise ExpressionError(_("The period lies between 1 and the number of periods."))
    paid = _payment(share, count, now, rest, begin)
    if truthy(begin):
        if place == 1:
            return 0
        return finite((_future(share, place - 2, paid, now, True) - paid) * share)
    return finite(_future(share, place - 1, paid, now, False) * share)


@function("PPMT")
def _principal(rate: Any, period: Any, periods: Any, present: Any, future: Any = 0, begin: Any = 0) -> Any:
    return finite(
        _payments(rate, periods, present, future, begin) - _interest(rate, period, periods, present, future, begin)
    )


@function("ISPMT")
def _straight_interest(rate: Any, period: Any, periods: Any, present: Any) -> Any:
    share, place, count, now = _floats("ISPMT", rate, period, periods, present)
    return finite(now * share * (place / count - 1))


def _cumulated(meter: Meter, part: Callable[..., Any], *values: Any) -> Any:
    rate, periods, present, start, end, begin = values
    first, last = whole(start, "CUMIPMT()"), whole(end, "CUMIPMT()")
    if not 1 <= first <= last:
        raise ExpressionError(_("The first period comes before the last."))
    meter.items(last - first)
    meter.charge(8 * (last - first))
    return finite(math.fsum(part(rate, place, periods, present, 0, begin) for place in range(first, last + 1)))


@function("CUMIPMT")
def _cumulated_interest(meter: Meter, rate: Any, periods: Any, present: Any, start: Any, end: Any, begin: Any) -> Any:
    return _cumulated(meter, _interest, rate, periods, present, start, end, begin)


@function("CUMPRINC")
def _cumulated_principal(meter: Meter, rate: Any, periods: Any, present: Any, start: Any, end: Any, begin: Any) -> Any:
    return _cumulated(meter, _principal, rate, periods, present, start, end, begin)


@function("RATE")
def _rate(
    meter: Meter, periods: Any, payment: Any, present: Any, future: Any = 0, begin: Any = 0, guess: Any = 0.1
) -> Any:
    count, paid, now, rest, first = _floats("RATE", periods, payment, present, future, guess)
    return _root(meter, lambda rate: _future(rate, count, paid, now, begin) - rest, first, 1, "RATE")


def _root(meter: Meter, value: Callable[[float], float], guess: float, size: int, name: str) -> float:
    """Where the value is 0 above -1: by the secant, and by halving where that leaves the ground."""
    meter.charge(_ROUNDS * (size + 4))
    x, y = guess, guess + 0.001 * (1 + abs(guess))
    try:
        below, here = value(x), value(y)
        for _step in range(_ROUNDS // 2):
            if abs(y - x) < 1e-14 * (1 + abs(y)) or here == below:
                break
            x, y, below = y, y - here * (y - x) / (here - below), here
            if not -1 < y < 1e6:
                break
            here = value(y)
        if -1 < y < 1e6 and abs(y - x) < 1e-9 * (1 + abs(y)):
            return y
    except (ArithmeticError, ValueError):
        pass
    return _halved(value, name)


def _halved(value: Callable[[float], float], name: str) -> float:
    low = -0.99
    below = value(low)
    for high in (-0.5, -0.1, 0, 0.05, 0.1, 0.25, 0.5, 1, 2, 10, 100):
        above = value(high)
        if below * above <= 0:
            for _step in range(60):
                middle = (low + high) / 2
                if below * value(middle) <= 0:
                    high = middle
                else:
                    low = middle
            return (low + high) / 2
        low, below = high, above
    raise ExpressionError(_("%s() finds no rate for these payments; try another guess.") % name)


@function("NPV")
def _net_present_value(rate: Any, *values: Any) -> Any:
    share = float(number(rate, "NPV()"))
    return finite(math.fsum(value / (1 + share) ** at for at, value in enumerate(numbers_in(values, "NPV"), 1)))


@function("IRR")
def _internal_rate(meter: Meter, values: Any, guess: Any = 0.1) -> Any:
    flows = [float(value) for value in numbers_in([values], "IRR")]
    _two_signs(flows, "IRR")

    def worth(rate: float) -> float:
        return math.fsum(flow / (1 + rate) ** at for at, flow in enumerate(flows))

    return _root(meter, worth, float(number(guess, "IRR()")), len(flows), "IRR")


def _two_signs(flows: list[float], name: str) -> None:
    if not any(flow > 0 for flow in flows) or not any(flow < 0 for flow in flows):
        raise ExpressionError(_("%s() needs money that goes out and money that comes in.") % name)


@function("MIRR")
def _modified_rate(values: Any, finance: Any, reinvest: Any) -> Any:
    flows = [float(value) for value in numbers_in([values], "MIRR")]
    paid, earned = _floats("MIRR", finance, reinvest)
    _two_signs(flows, "MIRR")
    last = len(flows) - 1
    gains = math.fsum(flow * (1 + earned) ** (last - at) for at, flow in enumerate(flows) if flow > 0)
    costs = math.fsum(flow / (1 + paid) ** at for at, flow in enumerate(flows) if flow < 0)
    return finite((gains / -costs) ** (1 / last) - 1)


def _dated(values: Any, dates: Any, name: str) -> list[tuple[float, float]]:
    """Each flow with the years since the first."""
    flows = numbers_in([values], name)
    days = [read(day, name).date() for day in flat([dates])]
    if len(flows) != len(days) or not days:
        raise ExpressionError(_("%s() needs a date for each value.") % name)
    return [(float(flow), (day - days[0]).days / 365) for flow, day in zip(flows, days, strict=True)]


@function("XNPV", weight=3)
def _dated_present_value(meter: Meter, rate: Any, values: Any, dates: Any) -> Any:
    flows, share = _dated(values, dates, "XNPV"), float(number(rate, "XNPV()"))
    meter.charge(4 * len(flows))
    return finite(math.fsum(flow / (1 + share) ** years for flow, years in flows))


@function("XIRR", weight=4)
def _dated_rate(meter: Meter, values: Any, dates: Any, guess: Any = 0.1) -> Any:
    flows = _dated(values, dates, "XIRR")
    meter.charge(4 * len(flows))
    _two_signs([flow for flow, _years in flows], "XIRR")

    def worth(rate: float) -> float:
        return math.fsum(flow / (1 + rate) ** years for flow, years in flows)

    return _root(meter, worth, float(number(guess, "XIRR()")), len(flows), "XIRR")


@function("SLN")
def _straight_line(cost: Any, salvage: Any, life: Any) -> Any:
    price, rest, years = _floats("SLN", cost, salvage, life)
    return finite((price - rest) / years)


@function("SYD")
def _sum_of_years(cost: Any, salvage: Any, life: Any, period: Any) -> Any:
    price, rest, years, place = _floats("SYD", cost, salvage, life, period)
    return finite((price - rest) * (years - place + 1) * 2 / (years * (years + 1)))


@function("DB")
def _declining(meter: Meter, cost: Any, salvage: Any, life: Any, period: Any, month: Any = 12) -> Any:
    price, rest, years = _floats("DB", cost, salvage, life)
    place, months = whole(period, "DB()"), whole(month, "DB()")
    if price <= 0 or rest < 0 or not 1 <= place <= years + 1 or not 1 <= months <= 12:
        raise ExpressionError(_("The period lies between 1 and the number of periods."))
    rate = round(1 - (rest / price) ** (1 / years), 3)
    gone = written = price * rate * months / 12
    meter.items(place)
    for at in range(2, place + 1):
        written = (price - gone) * rate * (1 if at <= years else (12 - months) / 12)
        gone += written
    return finite(written)


@function("DDB")
def _double_declining(meter: Meter, cost: Any, salvage: Any, life: Any, period: Any, factor: Any = 2) -> Any:
    price, rest, years, speed = _floats("DDB", cost, salvage, life, factor)
    place = whole(period, "DDB()")
    if years <= 0 or speed <= 0 or not 1 <= place <= years:
        raise ExpressionError(_("The period lies between 1 and the number of periods."))
    meter.items(place)
    gone = written = 0.0
    for _at in range(place):
        written = max(min((price - gone) * speed / years, price - rest - gone), 0)
        gone += written
    return finite(written)


@function("EFFECT")
def _effective(rate: Any, periods: Any) -> Any:
    count = whole(periods, "EFFECT()")
    return finite((1 + number(rate, "EFFECT()") / count) ** count - 1)


@function("NOMINAL")
def _nominal(rate: Any, periods: Any) -> Any:
    count = whole(periods, "NOMINAL()")
    return finite(((1 + number(rate, "NOMINAL()")) ** (1 / count) - 1) * count)


@function("RRI")
def _growth_rate(periods: Any, present: Any, future: Any) -> Any:
    count, now, later = _floats("RRI", periods, present, future)
    return finite((later / now) ** (1 / count) - 1)


@function("PDURATION")
def _duration(rate: Any, present: Any, future: Any) -> Any:
    share, now, later = _floats("PDURATION", rate, present, future)
    return finite(math.log(later / now) / math.log1p(share))


@function("FVSCHEDULE")
def _scheduled(principal: Any, rates: Any) -> Any:
    value = float(number(principal, "FVSCHEDULE()"))
    for rate in numbers_in([rates], "FVSCHEDULE"):
        value *= 1 + rate
    return finite(value)


@function("DOLLARDE")
def _decimal_dollars(value: Any, fraction: Any) -> Any:
    return _dollars(value, fraction, lambda rest, parts, scale: rest * scale / parts)


@function("DOLLARFR")
def _fractional_dollars(value: Any, fraction: Any) -> Any:
    return _dollars(value, fraction, lambda rest, parts, scale: rest * parts / scale)


def _dollars(value: Any, fraction: Any, change: Callable[[float, int, float], float]) -> Any:
    amount, parts = float(number(value, "DOLLARDE()")), whole(fraction, "DOLLARDE()")
    if not 1 <= parts <= 1_000_000:
        raise ExpressionError(_("The fraction is at least 1."))
    rest, dollars = math.modf(amount)
    return finite(dollars + change(rest, parts, 10 ** math.ceil(math.log10(parts))))
