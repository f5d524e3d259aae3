"""The demo shop's rows: invented names, plain numbers, the same on every machine."""

import random
from decimal import Decimal

from django.db import transaction

from config.shop.models import Customer, Order, Product
from config.shop.orders import place_order

ORDERS = 40

#: name, city, country
_CUSTOMERS = [
    ("Alder & Finch", "Bristol", "United Kingdom"),
    ("Blåbær Kafé", "Tromsø", "Norway"),
    ("Casa Lagarto", "Valencia", "Spain"),
    ("Dampfnudel Werkstatt", "Regensburg", "Germany"),
    ("Épicerie du Canal", "Toulouse", "France"),
    ("Ferrovia Deli", "Torino", "Italy"),
    ("Granite Harbour Foods", "Aberdeen", "United Kingdom"),
    ("Hoshizora Market", "Sapporo", "Japan"),
    ("Ízek u Mlýna", "Brno", "Czechia"),
    ("Juniper Lane Grocers", "Portland", "United States"),
    ("Kızılırmak Gıda", "Kayseri", "Türkiye"),
    ("Lantern Street Kitchen", "Melbourne", "Australia"),
]

#: name, price, stock, reorder level
_PRODUCTS = [
    ("Smoked paprika, 1 kg", "14.50", 80, 25),
    ("Buckwheat honey, 6 jars", "38.40", 60, 15),
    ("Cold-pressed rapeseed oil, 5 l", "32.00", 70, 20),
    ("Dried porcini, 500 g", "46.80", 45, 12),
    ("Espresso beans, 10 kg", "148.00", 60, 10),
    ("Fermented chilli paste, 12 jars", "57.60", 40, 15),
    ("Green olives, 10 kg", "64.90", 75, 20),
    ("Hazelnut praline, 3 kg", "41.25", 60, 20),
    ("Juniper vinegar, 6 bottles", "29.70", 55, 12),
    ("Kelp salt, 2 kg", "22.10", 90, 30),
    ("Lemon preserve, 12 jars", "45.00", 48, 15),
    ("Aged mountain cheese, wheel", "236.00", 40, 6),
]


@transaction.atomic
def make_shop() -> bool:
    """Customers and products, if there are none. Returns whether it made them."""
    if Product.objects.exists():
        return False
    for name, city, country in _CUSTOMERS:
        Customer.objects.create(name=name, city=city, country=country)
    for name, price, stock, reorder_level in _PRODUCTS:
        Product.objects.create(name=name, price=Decimal(price), stock=stock, reorder_level=reorder_level)
    return True


@transaction.atomic
def place_orders() -> int:
    """Forty orders through the ORM, if there are none; every fifth one is large. Returns how many it placed."""
    if Order.objects.exists():
        return 0
    chance = random.Random(40)  # noqa: S311  (the same orders every time, nothing secret)
    customers = list(Customer.objects.order_by("id"))
    products = list(Product.objects.order_by("id"))
    for position in range(ORDERS):
        large = position % 5 == 4
        chosen = chance.sample(products, 4 if large else chance.randint(1, 3))
        items = [(product, chance.randint(6, 14) if large else chance.randint(1, 3)) for product in chosen]
        place_order(chance.choice(customers), items, discount=Decimal("0.05") * (position % 3))
    return ORDERS
