"""An API of the shop's orders, with its addresses."""

from django.contrib import admin
from django.urls import include, path
from rest_framework import serializers
from rest_framework.permissions import AllowAny, BasePermission
from rest_framework.routers import SimpleRouter
from rest_framework.viewsets import ModelViewSet, ReadOnlyModelViewSet

from config.shop.models import Order
from workflows import WorkflowViewSetMixin


class OrderSerializer(serializers.ModelSerializer):
    class Meta:
        model = Order
        fields = ["id", "customer", "note", "total"]


class NotLocked(BasePermission):
    def has_object_permission(self, request, view, obj):
        return obj.note != "locked"


class OrderViewSet(WorkflowViewSetMixin, ModelViewSet):
    queryset = Order.objects.all()
    serializer_class = OrderSerializer
    permission_classes = [AllowAny, NotLocked]

    def get_queryset(self):
        # Orders below zero are nobody's to see.
        return super().get_queryset().filter(total__gte=0)

    def perform_create(self, serializer):
        # As many views do it: nothing of the mixin is called.
        serializer.save(note="made")


class DefaultViewSet(OrderViewSet):
    trigger_workflows = "unknown"


class ManyViewSet(OrderViewSet):
    def get_serializer(self, *args, **kwargs):
        return super().get_serializer(*args, many=isinstance(kwargs.get("data"), list), **kwargs)


class ReadingViewSet(WorkflowViewSetMixin, ReadOnlyModelViewSet):
    queryset = Order.objects.all()
    serializer_class = OrderSerializer
    permission_classes = [AllowAny]


router = SimpleRouter()
router.register("reading", ReadingViewSet, basename="reading")
router.register("orders", OrderViewSet)
router.register("defaults", DefaultViewSet, basename="default")
router.register("many", ManyViewSet, basename="many")
urlpatterns = [path("", include(router.urls)), path("admin/", admin.site.urls)]
