"""A small wholesale shop: who buys, what is sold, and what workflows leave behind (reviews, purchase orders).

`code` and `number` are the keys that rows of an imported data set came with; rows made here have none.
"""

from decimal import Decimal
from typing import Any

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

_FOUR_PLACES = Decimal("0.0001")


class Customer(models.Model):
    class Tier(models.TextChoices):
        BRONZE = "bronze", _("Bronze")
        SILVER = "silver", _("Silver")
        GOLD = "gold", _("Gold")

    code = models.CharField(_("code"), max_length=16, null=True, blank=True, unique=True)
    name = models.CharField(_("name"), max_length=120)
    email = models.EmailField(_("email"), blank=True, default="")
    city = models.CharField(_("city"), max_length=80, blank=True, default="")
    region = models.CharField(_("region"), max_length=80, blank=True, default="")
    country = models.CharField(_("country"), max_length=80, blank=True, default="")
    tier = models.CharField(_("tier"), max_length=8, choices=Tier.choices, default=Tier.BRONZE)
    credit = models.DecimalField(_("credit"), max_digits=12, decimal_places=2, default=Decimal(0))
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    class Meta:
        verbose_name = _("customer")
        verbose_name_plural = _("customers")
        ordering = ["name", "id"]

    def __str__(self) -> str:
        return self.name


class Product(models.Model):
    number = models.PositiveIntegerField(_("number"), null=True, blank=True, unique=True)
    name = models.CharField(_("name"), max_length=120)
    price = models.DecimalField(_("price"), max_digits=10, decimal_places=2, validators=[MinValueValidator(0)])
    stock = models.IntegerField(_("stock"), default=0)
    reorder_level = models.IntegerField(_("reorder level"), default=0)
    discontinued = models.BooleanField(_("discontinued"), default=False)

    class Meta:
        verbose_name = _("product")
        verbose_name_plural = _("products")
        ordering = ["name", "id"]

    def __str__(self) -> str:
        return self.name


class Order(models.Model):
    class Status(models.TextChoices):
        NEW = "new", _("New")
        PAID = "paid", _("Paid")
        SHIPPED = "shipped", _("Shipped")
        CANCELLED = "cancelled", _("Cancelled")

    number = models.PositiveIntegerField(_("number"), null=True, blank=True, unique=True)
    customer = models.ForeignKey(Customer, models.CASCADE, related_name="orders", verbose_name=_("customer"))
    status = models.CharField(_("status"), max_length=10, choices=Status.choices, default=Status.NEW)
    total = models.DecimalField(_("total"), max_digits=14, decimal_places=4, default=Decimal(0))
    cleared = models.BooleanField(_("cleared"), default=False, help_text=_("Needs no review."))
    note = models.TextField(_("note"), blank=True, default="")
    placed_at = models.DateTimeField(_("placed at"), default=timezone.now)
    shipped_at = models.DateTimeField(_("shipped at"), null=True, blank=True)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    class Meta:
        verbose_name = _("order")
        verbose_name_plural = _("orders")
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"#{self.number or self.pk}"


class Line(models.Model):
    """`amount` is what the line costs after its discount (a fraction, 0.15 is 15 %); `save` computes it."""

    order = models.ForeignKey(Order, models.CASCADE, related_name="lines", verbose_name=_("order"))
    product = models.ForeignKey(Product, models.PROTECT, related_name="lines", verbose_name=_("product"))
    quantity = models.PositiveIntegerField(_("quantity"), default=1, validators=[MinValueValidator(1)])
    price = models.DecimalField(_("price"), max_digits=10, decimal_places=2)
    discount = models.DecimalField(
        _("discount"),
        max_digits=4,
        decimal_places=2,
        default=Decimal(0),
        validators=[MinValueValidator(0), MaxValueValidator(1)],
    )
    amount = models.DecimalField(_("amount"), max_digits=14, decimal_places=4, default=Decimal(0), editable=False)

    class Meta:
        verbose_name = _("line")
        verbose_name_plural = _("lines")
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.quantity} x {self.product_id}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        gross = self.quantity * Decimal(str(self.price))
        self.amount = (gross * (1 - Decimal(str(self.discount)))).quantize(_FOUR_PLACES)
        super().save(*args, **kwargs)


class Review(models.Model):
    class State(models.TextChoices):
        OPEN = "open", _("Open")
        CLEARED = "cleared", _("Cleared")

    order = models.ForeignKey(Order, models.CASCADE, related_name="reviews", verbose_name=_("order"))
    reason = models.CharField(_("reason"), max_length=255, blank=True, default="")
    state = models.CharField(_("state"), max_length=8, choices=State.choices, default=State.OPEN)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    class Meta:
        verbose_name = _("review")
        verbose_name_plural = _("reviews")
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.reason or f"#{self.pk}"


class PurchaseOrder(models.Model):
    class State(models.TextChoices):
        OPEN = "open", _("Open")
        CLOSED = "closed", _("Closed")

    product = models.ForeignKey(Product, models.CASCADE, related_name="purchase_orders", verbose_name=_("product"))
    quantity = models.PositiveIntegerField(_("quantity"), default=1)
    state = models.CharField(_("state"), max_length=8, choices=State.choices, default=State.OPEN)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    class Meta:
        verbose_name = _("purchase order")
        verbose_name_plural = _("purchase orders")
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.quantity} x {self.product_id}"
