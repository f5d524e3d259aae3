"""Access keys: made, found by what a request brings, and revoked. The secrets are shown once, when a key is made."""

import hashlib
import secrets
import string
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet, TextChoices
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_variables

from executions.models.keys import AccessKey, Dialect
from executions.store import session
from workflows import ambient, history, people
from workflows import secrets as sealing
from workflows.actions import Action
from workflows.errors import Forbidden, Invalid, NotFound, Refused
from workflows.history import Subject
from workflows.jsonable import jsonable
from workflows.models import Workflow
from workflows.visibility import visible

#: Keys of workflows that one access key may be limited to.
MOST_WORKFLOWS = 200
#: Between two notes of a key's use.
_NOTED = timedelta(minutes=1)
_ALPHABET = string.ascii_letters + string.digits
#: Characters of a secret.
_SECRET = 40


class State(TextChoices):
    """What becomes of a request that comes with the key; the first that fits."""

    REVOKED = "revoked", gettext_lazy("Revoked")
    EXPIRED = "expired", gettext_lazy("Expired")
    #: Also of a user who was deleted.
    IDLE = "idle", gettext_lazy("User not active")
    ACTIVE = "active", gettext_lazy("Active")


@dataclass(frozen=True)
class NewKey:
    """A key that was just made; what is not in `row` in the clear is seen here alone."""

    row: AccessKey
    secret: str = field(repr=False)
    api_key: str = field(repr=False)


# In reports of errors too the secrets are nobody's.
@sensitive_variables("secret", "api_key")
def create(
    user: Any,
    *,
    name: str = "",
    dialects: Sequence[str] = (),
    workflows: Sequence[str] = (),
    expires_at: datetime | None = None,
    by: Any = None,
    once: str = "",
) -> NewKey:
    """A key that acts as `user`, on some dialects and workflows (by key or name) alone where any are named.

    `once` is a form's own text: sent a second time it makes no second key. Raises `Invalid` (fields "user", "name",
    "dialects", "workflows", "expires_at"), `Refused` where `once` was sent before, and `Forbidden` where `by` makes one
    for somebody else without being a superuser: whoever holds a key is its user.
    """
    if by is not None and by.pk != user.pk and not by.is_superuser:
        raise Forbidden(_("Only a superuser makes keys for others; make one for yourself."))
    if not user.is_active:
        raise Invalid(_("This user is not active; a key would open nothing."), field="user")
    now = timezone.now()
    if expires_at is not None and expires_at <= now:
        raise Invalid(_("This moment is past; choose a later one, or none."), field="expires_at")
    secret, api_key = _random(_SECRET), f"sk-{_random(48)}"
    author = by if by is not None else ambient.actor()
    row = AccessKey(
        user_id=user.pk,
        name=_checked_name(name),
        access_key_id=f"AK{_random(22)}",
        sealed=sealing.seal(secret),
        api_key_hash=_hashed(api_key),
        project_id=_project_id(author, once),
        dialects=_checked_dialects(dialects),
        workflows=_checked_workflows(workflows, user),
        created_at=now,
        created_by_id=getattr(author, "pk", None),
        expires_at=expires_at,
    )
    try:
        with transaction.atomic(using=session.alias()):
            row.save(force_insert=True, using=session.alias())
            # How many, not which: whoever reads the history may not see them all.
            told = {"user": user.get_username(), "dialects": row.dialects, "workflows": len(row.workflows)}
            history.record(Action.ACCESS_KEY_CREATE, _subject(row), by=by, changes=history.changed({}, told))
    except IntegrityError:
        _refuse_again(row)
        raise
    return NewKey(row, secret, api_key)


def revoke(row: AccessKey, *, by: Any = None, reason: str | None = None) -> AccessKey:
    """Ends a key at once and for good; one that was revoked stays as it is. Raises `NotFound`, `Invalid` ("reason")."""
    with transaction.atomic(using=session.alias()):
        found = _locked(row)
        if found.revoked_at is None:
            found.revoked_at = timezone.now()
            # Another, which nobody knows: the true one is needed no more, and if no key opens it, it need not be told.
            found.sealed = sealing.seal(_random(_SECRET))
            found.save(update_fields=["revoked_at", "sealed"], using=session.alias())
            history.record(Action.ACCESS_KEY_REVOKE, _subject(found), by=by, reason=reason)
    return found


def delete(row: AccessKey, *, by: Any = None, reason: str | None = None) -> None:
    """Deletes a key that was revoked or has expired. Raises `Refused` for another, `NotFound`, `Invalid` ("reason")."""
    with transaction.atomic(using=session.alias()):
        found = _locked(row)
        if not has_ended(found):
            raise Refused(_("The access key %s has not ended; revoke it first.") % found)
        subject = _subject(found)
        found.delete(using=session.alias())
        history.record(Action.ACCESS_KEY_DELETE, subject, by=by, reason=reason)


def has_ended(row: AccessKey) -> bool:
    """Whether it opens nothing for good, whatever becomes of its user."""
    return row.revoked_at is not None or (row.expires_at is not None and row.expires_at <= timezone.now())


def state_of(row: AccessKey) -> State:
    """One query at most where the user was not loaded; a user who is gone, and was joined, is none."""
    if has_ended(row):
        return State.EXPIRED if row.revoked_at is None else State.REVOKED
    if AccessKey.user.is_cached(row):
        user: Any = row.user
        return State.ACTIVE if user is not None and user.is_active else State.IDLE
    return State.ACTIVE if people.active().filter(pk=row.user_id).exists() else State.IDLE


def in_state(rows: "QuerySet[AccessKey]", state: str) -> "QuerySet[AccessKey]":
    """Those of the rows that `state_of` says this of."""
    if state == State.REVOKED:
        return rows.exclude(revoked_at=None)
    ended = Q(expires_at__lte=timezone.now())
    rows = rows.filter(revoked_at=None)
    if state == State.EXPIRED:
        return rows.filter(ended)
    active = Exists(people.active().filter(pk=OuterRef("user_id")))
    return rows.exclude(ended).filter(active if state == State.ACTIVE else ~active)


def find(access_key_id: str, dialect: str) -> AccessKey | None:
    """The key of this id, with its user, or None where it opens nothing here."""
    return _usable(Q(access_key_id=access_key_id), dialect) if is_id(access_key_id) else None


@sensitive_variables("api_key")
def find_bearer(api_key: str, dialect: str) -> AccessKey | None:
    """The key of this bearer text, with its user, or None where it opens nothing here."""
    return _usable(Q(api_key_hash=_hashed(api_key)), dialect)


def is_id(text: str) -> bool:
    """Whether a text can be an id: no database is asked for a NUL, nor answers for one with a space at its end."""
    return text.isascii() and text.isalnum()


def secret_of(row: AccessKey) -> str:
    """The secret of its pair. Raises `Forbidden` where no key in force opens it: that is no crash."""
    try:
        return sealing.unseal(row)
    except sealing.Unopenable:
        sentence = _(
            "The secret of the access key %s can't be opened any more, so its signatures can't be checked; ask for "
            "another key."
        )
        raise Forbidden(sentence % row.access_key_id) from None


def note_use(row: AccessKey) -> None:
    """Keeps when it was used last; a write a minute at most."""
    now = timezone.now()
    if row.last_used_at is None or row.last_used_at < now - _NOTED:
        known = AccessKey.objects.using(session.alias()).filter(pk=row.pk)
        known.filter(Q(last_used_at=None) | Q(last_used_at__lt=now - _NOTED)).update(last_used_at=now)


def _usable(which: Q, dialect: str) -> AccessKey | None:
    rows = AccessKey.objects.using(session.alias()).filter(which, revoked_at=None)
    row = rows.first()
    # Some user is read also where there is no such key: so the time that it takes tells nobody that there is one.
    users = people.active()
    user = (users if row is None else users.filter(pk=row.user_id)).first()
    if row is None or user is None or (row.dialects and dialect not in row.dialects):
        return None
    if row.expires_at is not None and row.expires_at <= timezone.now():
        return None
    row.user = user
    return row


def _locked(row: AccessKey) -> AccessKey:
    found = AccessKey.objects.using(session.alias()).select_for_update().filter(pk=row.pk).first()
    if found is None:
        raise NotFound(_("The access key was deleted."))
    return found


def _project_id(author: Any, once: str) -> str:
    """Random; for a form's text always the same, so that the database itself takes it only once."""
    if not once:
        return secrets.token_hex(16)
    return hashlib.sha256(f"{getattr(author, 'pk', '')} {once}".encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _refuse_again(row: AccessKey) -> None:
    first = AccessKey.objects.using(session.alias()).filter(project_id=row.project_id).first()
    if first is not None:
        raise Refused(
            _(
                "This form was sent before and made the key %s; its secrets were shown then, and no second key was "
                "made. If you don't have them, revoke that key and make another."
            )
            % first
        )


def _random(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


@sensitive_variables("api_key")
def _hashed(api_key: str) -> str:
    # As random as any hash: nothing to salt, nothing to stretch.
    return hashlib.sha256(api_key.encode("utf-8", "surrogatepass")).hexdigest()


def _checked_name(name: Any) -> str:
    longest = 80
    if not isinstance(name, str) or len(name) > longest or jsonable(name) != name:
        raise Invalid(_("A name is a text of at most %d characters, without NUL.") % longest, field="name")
    return name.strip()


def _checked_dialects(dialects: Sequence[str]) -> list[str]:
    unknown = [each for each in dialects if each not in Dialect.values]
    if unknown:
        known = ", ".join(Dialect.values)
        raise Invalid(
            _("There is no interface %(name)r; there are %(known)s.") % {"name": unknown[0], "known": known},
            field="dialects",
        )
    return [each for each in Dialect.values if each in dialects]


def _checked_workflows(names: Sequence[str], user: Any) -> list[str]:
    """Their keys: a workflow's name may be another's tomorrow."""
    if len(names) > MOST_WORKFLOWS:
        raise Invalid(_("There are too many; %d is the most.") % MOST_WORKFLOWS, field="workflows")
    rows = visible(Workflow.objects.current(), user).filter(Q(name__in=names) | Q(key__in=names))
    keys = {name: key for key, own in rows.values_list("key", "name") for name in (key, own)}
    unknown = [name for name in names if name not in keys]
    if unknown:
        raise Invalid(
            _("There is no workflow %r that this user may see; name it by its name or key.") % unknown[0],
            field="workflows",
        )
    return sorted({keys[name] for name in names})


def _subject(row: AccessKey) -> Subject:
    return Subject("access_key", row.pk, str(row))
