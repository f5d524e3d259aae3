from django.contrib import admin

from config.shop.models import Customer, Line, Order, Product, PurchaseOrder, Review
from workflows import WorkflowAdminMixin


@admin.register(Customer)
class CustomerAdmin(admin.ModelAdmin):
    list_display = ["name", "city", "country", "tier", "credit"]
    list_filter = ["tier", "country"]
    search_fields = ["name", "code", "email"]


@admin.register(Product)
class ProductAdmin(admin.ModelAdmin):
    list_display = ["name", "price", "stock", "reorder_level", "discontinued"]
    list_editable = ["stock"]
    list_filter = ["discontinued"]
    search_fields = ["name"]


class LineInline(admin.TabularInline):
    model = Line
    extra = 1
    autocomplete_fields = ["product"]
    readonly_fields = ["amount"]


@admin.register(Order)
class OrderAdmin(WorkflowAdminMixin, admin.ModelAdmin):
    list_display = ["__str__", "customer", "status", "total", "cleared", "placed_at"]
    list_filter = ["status", "cleared"]
    list_select_related = ["customer"]
    search_fields = ["customer__name", "note"]
    autocomplete_fields = ["customer"]
    inlines = [LineInline]


@admin.register(Review)
class ReviewAdmin(admin.ModelAdmin):
    list_display = ["__str__", "order", "state", "created_at"]
    list_filter = ["state"]
    list_select_related = ["order"]
    raw_id_fields = ["order"]


@admin.register(PurchaseOrder)
class PurchaseOrderAdmin(admin.ModelAdmin):
    list_display = ["product", "quantity", "state", "created_at"]
    list_filter = ["state"]
    list_select_related = ["product"]
    autocomplete_fields = ["product"]
