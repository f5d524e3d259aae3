"""Secrets: kept encrypted, written and never read back, and opened only where a run names them as `$env.NAME`."""

import base64
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.db import IntegrityError, router, transaction
from django.db.models import Model
from django.utils.encoding import force_bytes
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from workflows import ambient, history
from workflows.actions import Action
from workflows.conf import conf
from workflows.errors import Invalid, NotFound, SluiceError
from workflows.history import Subject
from workflows.jsonable import jsonable
from workflows.models import ENV_NAME, Secret
from workflows.secrecy import MASK

LONGEST_VALUE = 20_000
LONGEST_DESCRIPTION = 255
#: What the keys are derived for: those of the API's tokens come from the same SECRET_KEY.
_PURPOSE = b"sluice.secrets.v1"
#: What keeps values that `seal` encrypted: models with columns `name` and `sealed`. Other apps add theirs.
sealed_models: list[type[Model]] = [Secret]


class Unopenable(SluiceError):
    """No key in force opens the secret: enter its value again, or put its key back."""

    code = "secret_unopenable"
    status = 409


# In reports of errors too the value is nobody's.
@sensitive_variables("value")
def seal(value: str) -> str:
    """The value encrypted with the first key."""
    return _box().encrypt(value.encode()).decode()


def unseal(secret: Any) -> str:
    """The value of a secret, or of another row of `sealed_models`. Raises `Unopenable`."""
    try:
        return _box().decrypt(secret.sealed.encode()).decode()
    except InvalidToken:
        raise Unopenable(
            _(
                "The secret %s can't be opened with the keys in force; enter its value again, or add the key it was "
                'kept with to SLUICE["SECRET_KEYS"].'
            )
            % secret.name
        ) from None


def opens(secret: Any) -> bool:
    """Whether some key in force opens it."""
    try:
        unseal(secret)
    except Unopenable:
        return False
    return True


@sensitive_variables("value")
def create(name: str, value: str, *, description: str = "", by: Any = None) -> Secret:
    """A new secret. Raises `Invalid` (fields "name", "value", "description")."""
    if not isinstance(name, str) or not re.match(ENV_NAME, name):
        raise Invalid(_("Begin with a letter or _; then letters, digits and _, 64 at most."), field="name")
    _check_value(value)
    _check_description(description)
    alias = _alias()
    secret = Secret(name=name, sealed=seal(value), description=description, updated_by=_author(by))
    try:
        with transaction.atomic(using=alias):
            secret.save(using=alias, force_insert=True)
            changes = {**history.changed({}, _told(secret)), "value": [None, MASK]}
            history.record(Action.SECRET_CREATE, _subject(secret), by=by, changes=changes)
    except IntegrityError:
        if not Secret.objects.using(alias).filter(name=name).exists():
            raise
        raise Invalid(
            _("Another secret has this name; change that one, or choose another name."), field="name"
        ) from None
    return secret


@sensitive_variables("value")
def change(secret: Secret, *, value: str | None = None, description: str | None = None, by: Any = None) -> Secret:
    """Gives it another value or description; None keeps what is. Its name stays: workflows call it by that.

    Raises `Invalid` (fields "value", "description"), `NotFound`.
    """
    if value is not None:
        _check_value(value)
    if description is not None:
        _check_description(description)
    with transaction.atomic(using=_alias()):
        row = _locked(secret)
        before = _told(row)
        if value is not None:
            row.sealed = seal(value)
        if description is not None:
            row.description = description
        changes = history.changed(before, _told(row)) | ({"value": [MASK, MASK]} if value is not None else {})
        if changes:
            row.updated_by = _author(by)
            row.save(using=_alias())
            history.record(Action.SECRET_CHANGE, _subject(row), by=by, changes=changes)
    return row


def delete(secret: Secret, *, by: Any = None, reason: str | None = None) -> None:
    """Deletes it; steps that name it fail from now on. Raises `NotFound`, `Invalid` (field "reason")."""
    with transaction.atomic(using=_alias()):
        row = _locked(secret)
        subject = _subject(row)
        row.delete()
        history.record(Action.SECRET_DELETE, subject, by=by, reason=reason)


def rotate() -> tuple[int, list[str]]:
    """Encrypts with the first key what another key opens; answers how many, and the names of those that none opens."""
    first = _box_of(tuple(_keys())[:1])
    done, unopened = 0, []
    for model, pk in _sealed():
        with transaction.atomic(using=_alias()):
            row = model._default_manager.using(_alias()).select_for_update().filter(pk=pk).first()
            if row is None or _opened_by(first, row):
                continue
            try:
                sealed = seal(unseal(row))
            except Unopenable:
                unopened.append(str(row))
                continue
            # An update: nobody changed the secret, so neither its time nor its author does.
            done += model._default_manager.using(_alias()).filter(pk=pk).update(sealed=sealed)
    return done, unopened


def unopenable() -> list[str]:
    """Names of the secrets that no key in force opens."""
    rows: Iterator[Any] = (
        row for model in sealed_models for row in model._default_manager.using(_alias()).order_by("name", "pk")
    )
    return [str(row) for row in rows if not opens(row)]


def _sealed() -> Iterator[tuple[type[Model], Any]]:
    for model in sealed_models:
        for pk in model._default_manager.using(_alias()).order_by("name", "pk").values_list("pk", flat=True):
            yield model, pk


def load(names: Sequence[str]) -> dict[str, Secret]:
    """The secrets among these names; one query."""
    return {row.name: row for row in Secret.objects.using(_alias()).filter(name__in=names)}


def _box() -> MultiFernet:
    return _box_of(tuple(_keys()))


@lru_cache(maxsize=4)
def _box_of(keys: tuple[bytes, ...]) -> MultiFernet:
    return MultiFernet([Fernet(base64.urlsafe_b64encode(_derived(key))) for key in keys])


def _keys() -> Iterator[bytes]:
    """What encrypts (the first) and what still decrypts."""
    yield from map(force_bytes, conf().SECRET_KEYS or (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS))


def _derived(key: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=_PURPOSE).derive(key)


def _opened_by(box: MultiFernet, secret: Any) -> bool:
    try:
        box.decrypt(secret.sealed.encode())
    except InvalidToken:
        return False
    return True


def _check_value(value: Any) -> None:
    if not isinstance(value, str) or not value or len(value) > LONGEST_VALUE or jsonable(value) != value:
        raise Invalid(
            _("A secret is a text of 1 to %d characters, without NUL; enter one.") % LONGEST_VALUE, field="value"
        )


def _check_description(description: Any) -> None:
    if (
        not isinstance(description, str)
        or len(description) > LONGEST_DESCRIPTION
        or jsonable(description) != description
    ):
        raise Invalid(
            _("A description is a text of at most %d characters, without NUL.") % LONGEST_DESCRIPTION,
            field="description",
        )


def _locked(secret: Secret) -> Secret:
    row = Secret.objects.using(_alias()).select_for_update().filter(pk=secret.pk).first()
    if row is None:
        raise NotFound(_("The secret %s was deleted.") % secret.name)
    return row


def _told(secret: Secret) -> dict[str, Any]:
    return {"description": secret.description}


def _subject(secret: Secret) -> Subject:
    return Subject("secret", secret.pk, secret.name)


def _author(by: Any) -> Any:
    author = by if by is not None else ambient.actor()
    return author if getattr(author, "pk", None) is not None else None


def _alias() -> str:
    # A replica may not know yet what was just entered.
    return router.db_for_write(Secret)
