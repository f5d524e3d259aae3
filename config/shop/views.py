from typing import Any

from django.contrib import messages
from django.contrib.auth.mixins import LoginRequiredMixin
from django.http import HttpResponse
from django.urls import reverse_lazy
from django.utils.translation import gettext as _
from django.views.generic import FormView

from config.shop.forms import OrderForm
from config.shop.models import Order
from workflows import RequestHalted, request_action


class ShopView(LoginRequiredMixin, FormView):
    """What is for sale, and a form that orders it."""

    template_name = "shop/shop.html"
    form_class = OrderForm
    success_url = reverse_lazy("shop")

    def form_valid(self, form: OrderForm) -> HttpResponse:
        try:
            with request_action(self.request, Order, "create", values=form.cleaned_data) as action:
                order = form.save()
                action.saved(order)
        except RequestHalted as halted:
            form.add_error(None, halted.messages)
            return self.form_invalid(form)
        messages.success(
            self.request, _("Order %(order)s is placed; its executions are in the admin.") % {"order": order}
        )
        return super().form_valid(form)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        orders = Order.objects.select_related("customer")[:10]
        return super().get_context_data(orders=orders, **kwargs)
