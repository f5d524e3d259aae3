"""The units that expressions know: names, factors to base units, dimensions."""

from dataclasses import dataclass
from math import pi

#: m, kg, s, K, A, mol, cd, bits
Dimensions = tuple[int, int, int, int, int, int, int, int]


@dataclass(frozen=True, slots=True)
class Unit:
    name: str
    #: Base units in one of it, and what is added behind (degrees).
    factor: float
    dimensions: Dimensions
    offset: float = 0


def _dimensions(*exponents: int) -> Dimensions:
    padded = (*exponents, *[0] * 8)[:8]
    return (padded[0], padded[1], padded[2], padded[3], padded[4], padded[5], padded[6], padded[7])


_LENGTH, _AREA, _VOLUME, _MASS = _dimensions(1), _dimensions(2), _dimensions(3), _dimensions(0, 1)
_TIME, _HEAT = _dimensions(0, 0, 1), _dimensions(0, 0, 0, 1)
_FORCE, _ENERGY, _POWER = _dimensions(1, 1, -2), _dimensions(2, 1, -2), _dimensions(2, 1, -3)
_PRESSURE, _DATA, _FREQUENCY = _dimensions(-1, 1, -2), _dimensions(0, 0, 0, 0, 0, 0, 0, 1), _dimensions(0, 0, -1)
_CURRENT, _CHARGE = _dimensions(0, 0, 0, 0, 1), _dimensions(0, 0, 1, 0, 1)
_VOLTAGE, _RESISTANCE = _dimensions(2, 1, -3, 0, -1), _dimensions(2, 1, -3, 0, -2)
_CAPACITY, _SUBSTANCE, _LIGHT = (
    _dimensions(-2, -1, 4, 0, 2),
    _dimensions(0, 0, 0, 0, 0, 1),
    _dimensions(0, 0, 0, 0, 0, 0, 1),
)

#: Names (each alone a unit), factor, dimensions.
_PLAIN: list[tuple[str, float, Dimensions]] = [
    ("in inch inches", 0.0254, _LENGTH),
    ("ft foot feet", 0.3048, _LENGTH),
    ("yd yard yards", 0.9144, _LENGTH),
    ("mi mile miles", 1609.344, _LENGTH),
    ("nmi", 1852, _LENGTH),
    ("angstrom", 1e-10, _LENGTH),
    ("sqin", 0.0254**2, _AREA),
    ("sqft", 0.3048**2, _AREA),
    ("sqyd", 0.9144**2, _AREA),
    ("sqmi", 1609.344**2, _AREA),
    ("acre acres", 4046.8564224, _AREA),
    ("hectare hectares", 10_000, _AREA),
    ("m2", 1, _AREA),
    ("m3", 1, _VOLUME),
    ("cc", 1e-6, _VOLUME),
    ("teaspoon teaspoons", 5e-6, _VOLUME),
    ("tablespoon tablespoons", 15e-6, _VOLUME),
    ("floz fluidounce fluidounces", 29.5735295625e-6, _VOLUME),
    ("cup cups", 236.5882365e-6, _VOLUME),
    ("pt pint pints", 473.176473e-6, _VOLUME),
    ("qt quart quarts", 946.352946e-6, _VOLUME),
    ("gal gallon gallons", 3785.411784e-6, _VOLUME),
    ("oz ounce ounces", 28.349523125e-3, _MASS),
    ("lb lbs lbm poundmass", 0.45359237, _MASS),
    ("stone", 6.35029318, _MASS),
    ("ton tons", 907.18474, _MASS),
    ("tonne tonnes", 1000, _MASS),
    ("min mins minute minutes", 60, _TIME),
    ("h hr hrs hour hours", 3600, _TIME),
    ("day days", 86_400, _TIME),
    ("week weeks", 604_800, _TIME),
    ("month months", 2_629_800, _TIME),
    ("year years", 31_557_600, _TIME),
    ("rad radian radians", 1, _dimensions()),
    ("deg degree degrees", pi / 180, _dimensions()),
    ("lbf poundforce", 4.4482216152605, _FORCE),
    ("kip", 4448.2216152605, _FORCE),
    ("BTU BTUs", 1055.05585262, _ENERGY),
    ("hp", 745.6998715386, _POWER),
    ("psi", 6894.75729276459, _PRESSURE),
    ("atm", 101_325, _PRESSURE),
    ("torr", 133.322368421, _PRESSURE),
    ("mmHg", 133.322387415, _PRESSURE),
]
#: Units that take prefixes: short names, long names, factor, dimensions.
_PREFIXED: list[tuple[str, str, float, Dimensions]] = [
    ("m", "meter meters metre metres", 1, _LENGTH),
    ("g", "gram grams", 1e-3, _MASS),
    ("s sec", "second seconds", 1, _TIME),
    ("L l", "liter liters litre litres", 1e-3, _VOLUME),
    ("K", "kelvin", 1, _HEAT),
    ("A", "ampere amperes", 1, _CURRENT),
    ("mol", "mole moles", 1, _SUBSTANCE),
    ("cd", "candela", 1, _LIGHT),
    ("Hz", "hertz", 1, _FREQUENCY),
    ("N", "newton newtons", 1, _FORCE),
    ("J", "joule joules", 1, _ENERGY),
    ("Wh", "", 3600, _ENERGY),
    ("eV", "electronvolt electronvolts", 1.602176634e-19, _ENERGY),
    ("cal", "calorie calories", 4.184, _ENERGY),
    ("W", "watt watts", 1, _POWER),
    ("Pa", "pascal pascals", 1, _PRESSURE),
    ("bar", "", 1e5, _PRESSURE),
    ("C", "coulomb coulombs", 1, _CHARGE),
    ("V", "volt volts", 1, _VOLTAGE),
    ("", "ohm ohms", 1, _RESISTANCE),
    ("F", "farad farads", 1, _CAPACITY),
    ("b", "bit bits", 1, _DATA),
    ("B", "byte bytes", 8, _DATA),
]
#: Prefix, its long name, and the power of ten.
_PREFIXES = {
    bare: (long, 10.0**power)
    for bare, long, power in (
        *(("", "", 0), ("da", "deca", 1), ("h", "hecto", 2), ("k", "kilo", 3), ("M", "mega", 6), ("G", "giga", 9)),
        *(("T", "tera", 12), ("P", "peta", 15), ("E", "exa", 18), ("Z", "zetta", 21), ("Y", "yotta", 24)),
        *(("d", "deci", -1), ("c", "centi", -2), ("m", "milli", -3), ("u", "micro", -6), ("n", "nano", -9)),
        *(("p", "pico", -12), ("f", "femto", -15), ("a", "atto", -18)),
    )
}
_BINARY = {"Ki": ("kibi", 1), "Mi": ("mebi", 2), "Gi": ("gibi", 3), "Ti": ("tebi", 4), "Pi": ("pebi", 5)}


def _table() -> dict[str, Unit]:
    # The plain names go first: cd is a candela and min a minute, not a centiday or a milli-inch.
    table = {name: Unit(name, factor, kind) for names, factor, kind in _PLAIN for name in names.split()}
    for name in ("degC", "celsius"):
        table[name] = Unit(name, 1, _HEAT, 273.15)
    for name in ("degF", "fahrenheit"):
        table[name] = Unit(name, 5 / 9, _HEAT, 459.67 * 5 / 9)
    for bare, (long_prefix, scale) in _PREFIXES.items():
        for short, long, factor, kind in _PREFIXED:
            for name in (*(bare + each for each in short.split()), *(long_prefix + each for each in long.split())):
                table.setdefault(name, Unit(name, factor * scale, kind))
    for bare, (long_prefix, power) in _BINARY.items():
        for short, long, factor in (("b", "bits", 1), ("B", "bytes", 8)):
            for name in (bare + short, long_prefix + long, long_prefix + long[:-1]):
                table.setdefault(name, Unit(name, factor * 1024.0**power, _DATA))
    return table


_UNITS = _table()


def find_unit(name: str) -> Unit | None:
    return _UNITS.get(name)


def unit_names() -> list[str]:
    return list(_UNITS)
