from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from config.shop.models import Customer, Order, Product
from config.shop.orders import place_order


class OrderForm(forms.Form):
    """One quantity field a product, named `product-<id>`."""

    customer = forms.ModelChoiceField(Customer.objects.all(), label=gettext_lazy("Customer"))
    note = forms.CharField(label=gettext_lazy("Note"), required=False, max_length=500)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.products = list(Product.objects.filter(discontinued=False))
        for product in self.products:
            self.fields[f"product-{product.pk}"] = forms.IntegerField(
                label=product.name, min_value=0, max_value=10_000, required=False
            )

    def rows(self) -> list[tuple[Product, forms.BoundField]]:
        return [(product, self[f"product-{product.pk}"]) for product in self.products]

    def items(self) -> list[tuple[Product, int]]:
        quantities = ((product, self.cleaned_data.get(f"product-{product.pk}")) for product in self.products)
        return [(product, quantity) for product, quantity in quantities if quantity]

    def clean(self) -> dict[str, Any]:
        if not self.errors and not self.items():
            raise forms.ValidationError(_("Give a quantity for at least one product."), code="empty")
        return self.cleaned_data

    def save(self) -> Order:
        return place_order(self.cleaned_data["customer"], self.items(), note=self.cleaned_data["note"])
