"""Filters of the list of runs that people keep."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class SavedFilter(models.Model):
    """What somebody asks of the list of runs again and again; whoever follows it sees what they may see."""

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, db_constraint=False, related_name="+", verbose_name=_("owner")
    )
    name = models.CharField(_("name"), max_length=80)
    #: The parameters of the list's address, encoded.
    query = models.TextField(_("filter"))
    shared = models.BooleanField(
        _("shared"), default=False, help_text=_("Everybody who sees the list of executions finds it above the list.")
    )
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    class Meta:
        verbose_name = _("saved filter")
        verbose_name_plural = _("saved filters")
        ordering = ["name", "id"]
        default_permissions = ()
        permissions = [("share_savedfilter", _("Can share saved filters with everybody"))]
        constraints = [
            # The list of one's own, by name.
            models.UniqueConstraint(fields=["owner", "name"], name="saved_filter_name"),
        ]
        indexes = [
            # Those of everybody, above the list.
            models.Index(fields=["shared", "name"], name="saved_filter_shared"),
        ]

    def __str__(self) -> str:
        return self.name
