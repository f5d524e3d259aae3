"""Distributions, as spreadsheets name them; the last argument chooses between the share up to x and the density."""

import math
from statistics import NormalDist
from typing import Any

from workflows.expressions.functions.common import whole
from workflows.expressions.functions.registry import Meter, function
from workflows.expressions.functions.special import beta_share, inverse, lower_gamma, need
from workflows.expressions.operators import finite, number
from workflows.expressions.values import truthy

_STANDARD = NormalDist()
#: Steps of one inversion: about 200 evaluations of a series.
_INVERSION = 4_000


def _positive(value: Any, name: str) -> float:
    found = float(number(value, f"{name}()"))
    need(0 < found < 1e9, name)
    return found


def _share(value: Any, name: str) -> float:
    found = float(number(value, f"{name}()"))
    need(0 < found < 1, name)
    return found


@function("NORM.DIST", "NORMDIST")
def _normal(x: Any, mean: Any, deviation: Any, cumulative: Any) -> float:
    shape = NormalDist(number(mean, "NORM.DIST()"), _positive(deviation, "NORM.DIST"))
    found = number(x, "NORM.DIST()")
    return shape.cdf(found) if truthy(cumulative) else shape.pdf(found)


@function("NORM.INV", "NORMINV")
def _normal_inverse(share: Any, mean: Any, deviation: Any) -> float:
    return NormalDist(number(mean, "NORM.INV()"), _positive(deviation, "NORM.INV")).inv_cdf(_share(share, "NORM.INV"))


@function("NORM.S.DIST")
def _standard_normal(z: Any, cumulative: Any) -> float:
    return _normal(z, 0, 1, cumulative)


@function("NORMSDIST")
def _standard_normal_share(z: Any, cumulative: Any = True) -> float:
    return _normal(z, 0, 1, cumulative)


@function("NORM.S.INV", "NORMSINV")
def _standard_normal_inverse(share: Any) -> float:
    return _STANDARD.inv_cdf(_share(share, "NORM.S.INV"))


@function("GAUSS")
def _gauss(z: Any) -> float:
    return float(_normal(z, 0, 1, True)) - 0.5


@function("PHI")
def _phi(x: Any) -> float:
    return _normal(x, 0, 1, False)


@function("LOGNORM.DIST", "LOGNORMDIST")
def _log_normal(x: Any, mean: Any, deviation: Any, cumulative: Any = True) -> float:
    found = _positive(x, "LOGNORM.DIST")
    share = _normal(math.log(found), mean, deviation, cumulative)
    return share if truthy(cumulative) else share / found


@function("LOGNORM.INV", "LOGINV", "LOGNORMINV")
def _log_normal_inverse(share: Any, mean: Any, deviation: Any) -> float:
    return math.exp(_normal_inverse(share, mean, deviation))


@function("EXPON.DIST", "EXPONDIST")
def _exponential(x: Any, rate: Any, cumulative: Any) -> float:
    found, speed = number(x, "EXPON.DIST()"), _positive(rate, "EXPON.DIST")
    need(found >= 0, "EXPON.DIST")
    return -math.expm1(-speed * found) if truthy(cumulative) else speed * math.exp(-speed * found)


@function("WEIBULL.DIST", "WEIBULL", "WEIBULLDIST")
def _weibull(x: Any, shape: Any, scale: Any, cumulative: Any) -> float:
    found, a, b = number(x, "WEIBULL.DIST()"), _positive(shape, "WEIBULL.DIST"), _positive(scale, "WEIBULL.DIST")
    need(found >= 0, "WEIBULL.DIST")
    power = (found / b) ** a
    return -math.expm1(-power) if truthy(cumulative) else a / b * (found / b) ** (a - 1) * math.exp(-power)


@function("GAMMA.DIST", "GAMMADIST")
def _gamma(meter: Meter, x: Any, shape: Any, scale: Any, cumulative: Any) -> float:
    meter.charge(1000)
    found, a, b = number(x, "GAMMA.DIST()"), _positive(shape, "GAMMA.DIST"), _positive(scale, "GAMMA.DIST")
    need(found >= 0, "GAMMA.DIST")
    if truthy(cumulative):
        return lower_gamma(a, found / b)
    need(found > 0 or a >= 1, "GAMMA.DIST")
    if not found:
        return 1 / b if a == 1 else 0
    return math.exp((a - 1) * math.log(found / b) - found / b - math.lgamma(a)) / b


@function("GAMMA.INV", "GAMMAINV")
def _gamma_inverse(meter: Meter, share: Any, shape: Any, scale: Any) -> float:
    meter.charge(_INVERSION * 5)
    a, b = _positive(shape, "GAMMA.INV"), _positive(scale, "GAMMA.INV")
    need(a <= 10_000, "GAMMA.INV")
    return b * inverse(lambda x: lower_gamma(a, x), _share(share, "GAMMA.INV"), 0, math.inf)


@function("CHISQ.DIST")
def _chi_square(meter: Meter, x: Any, freedom: Any, cumulative: Any) -> float:
    return _gamma(meter, x, whole(freedom, "CHISQ.DIST()") / 2, 2, cumulative)


@function("CHISQ.DIST.RT", "CHIDIST", "CHIDISTRT")
def _chi_square_above(meter: Meter, x: Any, freedom: Any) -> float:
    return 1 - _chi_square(meter, x, freedom, True)


@function("CHISQ.INV")
def _chi_square_inverse(meter: Meter, share: Any, freedom: Any) -> float:
    return _gamma_inverse(meter, share, whole(freedom, "CHISQ.INV()") / 2, 2)


@function("CHISQ.INV.RT", "CHIINV", "CHIINVRT")
def _chi_square_inverse_above(meter: Meter, share: Any, freedom: Any) -> float:
    return _chi_square_inverse(meter, 1 - _share(share, "CHISQ.INV.RT"), freedom)


@function("BETA.DIST")
def _beta(meter: Meter, x: Any, a: Any, b: Any, cumulative: Any, low: Any = 0, high: Any = 1) -> float:
    meter.charge(500)
    bottom, top = number(low, "BETA.DIST()"), number(high, "BETA.DIST()")
    alpha, beta = _positive(a, "BETA.DIST"), _positive(b, "BETA.DIST")
    need(top > bottom, "BETA.DIST")
    place = (number(x, "BETA.DIST()") - bottom) / (top - bottom)
    need(0 <= place <= 1, "BETA.DIST")
    if truthy(cumulative):
        return beta_share(place, alpha, beta)
    need(0 < place < 1, "BETA.DIST")
    scale = math.lgamma(alpha + beta) - math.lgamma(alpha) - math.lgamma(beta)
    logs = scale + (alpha - 1) * math.log(place) + (beta - 1) * math.log1p(-place)
    return math.exp(logs) / (top - bottom)


@function("BETA.INV", "BETAINV")
def _beta_inverse(meter: Meter, share: Any, a: Any, b: Any, low: Any = 0, high: Any = 1) -> float:
    meter.charge(_INVERSION * 5)
    alpha, beta = _positive(a, "BETA.INV"), _positive(b, "BETA.INV")
    bottom, top = number(low, "BETA.INV()"), number(high, "BETA.INV()")
    place = inverse(lambda x: beta_share(x, alpha, beta), _share(share, "BETA.INV"), 0, 1)
    return bottom + place * (top - bottom)


@function("T.DIST")
def _student(meter: Meter, x: Any, freedom: Any, cumulative: Any) -> float:
    meter.charge(500)
    found, degrees = float(number(x, "T.DIST()")), _positive(whole(freedom, "T.DIST()"), "T.DIST")
    if truthy(cumulative):
        tail = beta_share(degrees / (degrees + found * found), degrees / 2, 0.5) / 2
        return 1 - tail if found > 0 else tail
    scale = math.lgamma((degrees + 1) / 2) - math.lgamma(degrees / 2)
    return math.exp(scale - (degrees + 1) / 2 * math.log1p(found * found / degrees)) / math.sqrt(degrees * math.pi)


@function("T.DIST.2T")
def _student_both(meter: Meter, x: Any, freedom: Any) -> float:
    need(number(x, "T.DIST.2T()") >= 0, "T.DIST.2T")
    return 2 * _student_above(meter, x, freedom)


@function("T.DIST.RT", "TDISTRT")
def _student_above(meter: Meter, x: Any, freedom: Any) -> float:
    return _student(meter, -number(x, "T.DIST.RT()"), freedom, True)


@function("TDIST")
def _student_tails(meter: Meter, x: Any, freedom: Any, tails: Any) -> float:
    need(tails in (1, 2), "TDIST")
    return float(whole(tails, "TDIST()")) * _student_above(meter, x, freedom)


@function("T.INV")
def _student_inverse(meter: Meter, share: Any, freedom: Any) -> float:
    meter.charge(_INVERSION * 5)
    wanted, degrees = _share(share, "T.INV"), _positive(whole(freedom, "T.INV()"), "T.INV")
    tail = min(wanted, 1 - wanted)
    place = inverse(lambda x: beta_share(x, degrees / 2, 0.5), 2 * tail, 0, 1)
    found = math.sqrt(degrees * (1 - place) / place) if place else math.inf
    return -found if wanted < 0.5 else found


@function("T.INV.2T", "TINV")
def _student_inverse_both(meter: Meter, share: Any, freedom: Any) -> float:
    return abs(_student_inverse(meter, _share(share, "T.INV.2T") / 2, freedom))


@function("F.DIST")
def _fisher(meter: Meter, x: Any, first: Any, second: Any, cumulative: Any) -> float:
    meter.charge(500)
    a, b = _positive(whole(first, "F.DIST()"), "F.DIST"), _positive(whole(second, "F.DIST()"), "F.DIST")
    found = number(x, "F.DIST()")
    need(found >= 0, "F.DIST")
    if truthy(cumulative):
        return beta_share(a * found / (a * found + b), a / 2, b / 2)
    need(found > 0, "F.DIST")
    scale = math.lgamma((a + b) / 2) - math.lgamma(a / 2) - math.lgamma(b / 2)
    logs = scale + a / 2 * math.log(a / b) + (a / 2 - 1) * math.log(found)
    return math.exp(logs - (a + b) / 2 * math.log1p(a * found / b))


@function("F.DIST.RT", "FDIST", "FDISTRT")
def _fisher_above(meter: Meter, x: Any, first: Any, second: Any) -> float:
    return 1 - _fisher(meter, x, first, second, True)


@function("F.INV")
def _fisher_inverse(meter: Meter, share: Any, first: Any, second: Any) -> float:
    meter.charge(_INVERSION * 5)
    a, b = _positive(whole(first, "F.INV()"), "F.INV"), _positive(whole(second, "F.INV()"), "F.INV")
    place = inverse(lambda x: beta_share(x, a / 2, b / 2), _share(share, "F.INV"), 0, 1)
    need(place < 1, "F.INV")
    return b * place / (a * (1 - place))


@function("F.INV.RT", "FINV", "FINVRT")
def _fisher_inverse_above(meter: Meter, share: Any, first: Any, second: Any) -> float:
    return _fisher_inverse(meter, 1 - _share(share, "F.INV.RT"), first, second)


@function("BINOM.DIST", "BINOMDIST")
def _binomial(meter: Meter, successes: Any, trials: Any, chance: Any, cumulative: Any) -> Any:
    count, total = whole(successes, "BINOM.DIST()"), whole(trials, "BINOM.DIST()")
    odds = float(number(chance, "BINOM.DIST()"))
    need(0 <= count <= total <= 1e9 and 0 <= odds <= 1, "BINOM.DIST")
    if odds in (0, 1) or count == total:
        exact = float(count == total * odds) if odds in (0, 1) else odds**total
        return (float(count >= total * odds) if odds in (0, 1) else 1) if truthy(cumulative) else exact
    if truthy(cumulative):
        meter.charge(500)
        return beta_share(1 - odds, total - count, count + 1)
    logs = math.lgamma(total + 1) - math.lgamma(count + 1) - math.lgamma(total - count + 1)
    return math.exp(logs + count * math.log(odds) + (total - count) * math.log1p(-odds))


@function("NEGBINOM.DIST")
def _negative_binomial(meter: Meter, failures: Any, successes: Any, chance: Any, cumulative: Any) -> Any:
    misses, hits = whole(failures, "NEGBINOM.DIST()"), whole(successes, "NEGBINOM.DIST()")
    odds = _share(chance, "NEGBINOM.DIST")
    need(0 <= misses <= 1e9 and 1 <= hits <= 1e9, "NEGBINOM.DIST")
    if truthy(cumulative):
        meter.charge(500)
        return beta_share(odds, hits, misses + 1)
    logs = math.lgamma(misses + hits) - math.lgamma(hits) - math.lgamma(misses + 1)
    return math.exp(logs + hits * math.log(odds) + misses * math.log1p(-odds))


@function("NEGBINOMDIST")
def _negative_binomial_once(meter: Meter, failures: Any, successes: Any, chance: Any) -> Any:
    return _negative_binomial(meter, failures, successes, chance, False)


@function("POISSON.DIST", "POISSON", "POISSONDIST")
def _poisson(meter: Meter, events: Any, mean: Any, cumulative: Any) -> Any:
    count, expected = whole(events, "POISSON.DIST()"), float(number(mean, "POISSON.DIST()"))
    need(0 <= count <= 1e9 and 0 <= expected <= 1e9, "POISSON.DIST")
    if not expected:
        return float(truthy(cumulative) or not count)
    if truthy(cumulative):
        meter.charge(1000)
        return 1 - lower_gamma(count + 1, expected)
    return math.exp(count * math.log(expected) - expected - math.lgamma(count + 1))


@function("HYPGEOM.DIST", "HYPGEOMDIST")
def _hypergeometric(meter: Meter, found: Any, drawn: Any, marked: Any, size: Any, cumulative: Any = False) -> Any:
    hits, sample, inside, everyone = (whole(value, "HYPGEOM.DIST()") for value in (found, drawn, marked, size))
    need(0 <= hits <= sample <= everyone and 0 <= inside <= everyone <= 1e6, "HYPGEOM.DIST")
    lowest = max(0, sample + inside - everyone)
    counts = range(lowest if truthy(cumulative) else hits, hits + 1)
    need(hits <= inside and hits >= lowest, "HYPGEOM.DIST")
    meter.charge(2 * len(counts))
    return math.fsum(
        math.exp(_choices(inside, each) + _choices(everyone - inside, sample - each) - _choices(everyone, sample))
        for each in counts
    )


def _choices(total: int, chosen: int) -> float:
    return math.lgamma(total + 1) - math.lgamma(chosen + 1) - math.lgamma(total - chosen + 1)


@function("CONFIDENCE.NORM", "CONFIDENCE")
def _confidence(alpha: Any, deviation: Any, size: Any) -> float:
    spread = _positive(deviation, "CONFIDENCE.NORM") / math.sqrt(_positive(size, "CONFIDENCE.NORM"))
    return -_STANDARD.inv_cdf(_share(alpha, "CONFIDENCE.NORM") / 2) * spread


@function("CONFIDENCE.T")
def _confidence_of_few(meter: Meter, alpha: Any, deviation: Any, size: Any) -> float:
    count = whole(size, "CONFIDENCE.T()")
    need(count > 1, "CONFIDENCE.T")
    spread = _positive(deviation, "CONFIDENCE.T") / math.sqrt(count)
    return _student_inverse_both(meter, alpha, count - 1) * spread


@function("STANDARDIZE")
def _standardized(x: Any, mean: Any, deviation: Any) -> Any:
    return finite((number(x, "STANDARDIZE()") - number(mean, "STANDARDIZE()")) / _positive(deviation, "STANDARDIZE"))


@function("FISHER")
def _fisher_transformation(x: Any) -> float:
    return math.atanh(number(x, "FISHER()"))


@function("FISHERINV")
def _fisher_transformation_back(y: Any) -> float:
    return math.tanh(number(y, "FISHERINV()"))


@function("GAMMA")
def _gamma_of(x: Any) -> Any:
    try:
        return finite(math.gamma(number(x, "GAMMA()")))
    except OverflowError:
        return None


@function("lgamma", "GAMMALN", "GAMMALN.PRECISE", "GAMMALNPRECISE")
def _log_gamma(x: Any) -> float:
    return math.lgamma(number(x, "lgamma()"))


@function("erf", "ERF.PRECISE", "ERFPRECISE")
def _error_function(x: Any, upper: Any = None) -> float:
    found = math.erf(number(x, "erf()"))
    return found if upper is None else math.erf(number(upper, "erf()")) - found


@function("erfc", "ERFC.PRECISE", "ERFCPRECISE")
def _error_function_left(x: Any) -> float:
    return math.erfc(number(x, "erfc()"))
