"""What programs of other makers sign in with; see `executions.accesskeys`."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from workflows.fields import ExactCharField, LooseForeignKey


class Dialect(models.TextChoices):
    """The faces that take access keys."""

    CLOUDFLOW = "cloudflow", "CloudFlow"
    FUNCTIONGRAPH = "functiongraph", "FunctionGraph"
    IFLYRPA = "iflyrpa", "iFlyRPA"


class AccessKey(models.Model):
    """Lets a program act as its user: a pair that signs requests, and a bearer key. Both are shown once."""

    #: Encrypted and hashed, yet nobody's business.
    sluice_sensitive = ("sealed", "api_key_hash")

    user = LooseForeignKey(settings.AUTH_USER_MODEL, null=True, related_name="+", verbose_name=_("user"))
    name = models.CharField(_("name"), max_length=80, blank=True, help_text=_("What it is for."))
    access_key_id = ExactCharField(_("access key id"), max_length=32, unique=True)
    #: The secret of the pair, encrypted: a signature is checked with the secret itself.
    sealed = models.TextField()
    #: SHA-256 of the bearer key, hex.
    api_key_hash = ExactCharField(max_length=64, unique=True)
    #: What FunctionGraph's addresses begin with: 32 hex digits.
    project_id = ExactCharField(_("project id"), max_length=32, unique=True)
    #: None of them means all.
    dialects = models.JSONField(_("interfaces"), default=list, blank=True)
    #: Keys of workflows; none of them means all.
    workflows = models.JSONField(_("workflows"), default=list, blank=True)
    created_at = models.DateTimeField(_("created at"))
    created_by = LooseForeignKey(settings.AUTH_USER_MODEL, null=True, related_name="+", verbose_name=_("created by"))
    #: To the minute.
    last_used_at = models.DateTimeField(_("last used at"), null=True)
    expires_at = models.DateTimeField(pgettext_lazy("access key", "expires at"), null=True, blank=True)
    revoked_at = models.DateTimeField(_("revoked at"), null=True)

    class Meta:
        verbose_name = _("access key")
        verbose_name_plural = _("access keys")
        ordering = ["-id"]
        # A key is revoked, never changed: programs hold it.
        default_permissions = ("add", "delete", "view")
        indexes = [
            # A person's own keys.
            models.Index(fields=["user", "-id"], name="accesskey_user"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.access_key_id})" if self.name else self.access_key_id
