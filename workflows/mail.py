"""Mail, for the kinds and channels that send it: what people typed made safe, over the project's server or another."""

import smtplib
import socket
import ssl
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from email.errors import MessageError
from email.utils import formataddr, getaddresses, make_msgid
from typing import Any

from django.core.exceptions import ValidationError
from django.core.mail import EmailMessage, get_connection
from django.core.mail.backends.smtp import EmailBackend
from django.core.mail.utils import DNS_NAME
from django.core.validators import validate_email
from django.utils.translation import gettext as _

from workflows import net
from workflows.errors import Invalid, SluiceError
from workflows.expressions.text import to_text

#: Most addresses of one mail, as most servers have it.
MOST_RECIPIENTS = 100
_LONGEST_ADDRESS = 320
#: Bytes read at once, and of one reply.
_CHUNK, _LONGEST_REPLY = 8192, 100_000


class MailError(SluiceError):
    """The mail was not sent; `code` is the server's reply code or the system's name of the error."""

    code = "ERR_MAIL"


@dataclass(frozen=True, slots=True)
class Server:
    """An SMTP server; `secure` is TLS from the first byte, else STARTTLS where the server has it."""

    host: str
    port: int
    secure: bool
    user: str
    password: str


@dataclass(frozen=True, slots=True)
class Mail:
    """Addresses are such as `recipients` gives; `sender` "" is the project's DEFAULT_FROM_EMAIL."""

    to: Sequence[str]
    subject: str
    body: str
    html: bool = False
    cc: Sequence[str] = ()
    bcc: Sequence[str] = ()
    sender: str = ""
    #: (file name, content, content type or None).
    attachments: Iterable[tuple[str, bytes, str | None]] = ()


def compose(rendered: Mapping[str, Any], files: Iterable[tuple[str, bytes, str | None]] = ()) -> Mail:
    """The mail in {from, to, cc, bcc, subject, contentType, html, text}. Raises `Invalid` with the name at fault."""
    senders = recipients(rendered.get("from"), "from")
    content_type = rendered.get("contentType") or "html"
    return Mail(
        to=recipients(rendered.get("to"), "to"),
        cc=recipients(rendered.get("cc"), "cc"),
        bcc=recipients(rendered.get("bcc"), "bcc"),
        subject=one_line(rendered.get("subject")),
        body=to_text(rendered.get(content_type)),
        html=content_type == "html",
        sender=senders[0] if senders else "",
        attachments=files,
    )


def recipients(value: Any, field: str) -> list[str]:
    """The addresses in a text or in lists of texts, however nested; blanks left out, of equal ones the first stays.

    Raises `Invalid` (`field`) naming what is no single address.
    """
    return list(dict.fromkeys(address(text, field) for text in _flat(value)))


def address(text: str, field: str) -> str:
    """The address, with its name if it has one, as a header holds it. Raises `Invalid` (`field`)."""
    found = getaddresses([text]) if text.isprintable() and len(text) <= _LONGEST_ADDRESS else []
    name, plain = found[0] if len(found) == 1 else ("", "")
    try:
        validate_email(plain)
        local, _at, domain = plain.rpartition("@")
        return formataddr((name, f"{local}@{domain.encode('idna').decode()}"))
    except (ValidationError, UnicodeError):
        raise Invalid(
            _("%r is no mail address; give one as ada@example.com, and several as a list.") % text[:200], field=field
        ) from None


def one_line(value: Any) -> str:
    """A text for a header: line breaks and other control characters can't begin a header of their own."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in to_text(value)).split())


def send(mail: Mail, seconds: float, server: Server | None = None) -> dict[str, Any]:
    """Sends it over `server`, or as the project's own settings say. Answers {messageId, recipients}.

    `seconds` bounds each wait for a server. Raises `Invalid` (field "to") without recipients, `MailError`.
    """
    everybody = [*mail.to, *mail.cc, *mail.bcc]
    if not 0 < len(everybody) <= MOST_RECIPIENTS:
        raise Invalid(_("A mail goes to 1 to %d addresses; this one has none or more.") % MOST_RECIPIENTS, field="to")
    message = EmailMessage(
        one_line(mail.subject),
        mail.body,
        mail.sender or None,
        list(mail.to),
        bcc=list(mail.bcc),
        cc=list(mail.cc),
        headers={"Message-ID": make_msgid(domain=DNS_NAME.get_fqdn())},
    )
    if mail.html:
        message.content_subtype = "html"
    for name, content, content_type in mail.attachments:
        message.attach(one_line(name), content, content_type)
    message.connection = _own(seconds) if server is None else _Backend(server, seconds)
    try:
        message.send()
    except (OSError, smtplib.SMTPException, SluiceError) as error:
        raise MailError(_said(error), code=_code(error)) from None
    except (MessageError, ValueError) as error:
        raise MailError(str(error)) from None
    finally:
        # Django leaves it open where signing in fails.
        with suppress(OSError, smtplib.SMTPException):
            message.connection.close()
    return {"messageId": message.extra_headers["Message-ID"], "recipients": everybody}


def _own(seconds: float) -> Any:
    connection = get_connection()
    if isinstance(connection, EmailBackend) and connection.timeout is None:
        connection.timeout = seconds
    return connection


class _Backend(EmailBackend):
    """Django's backend to a server that a workflow's author named: it may not lie inside the network."""

    def __init__(self, server: Server, seconds: float) -> None:
        super().__init__(
            host=server.host,
            port=server.port,
            username=server.user,
            password=server.password,
            use_tls=False,
            use_ssl=server.secure,
            timeout=seconds,
        )

    @property
    def connection_class(self) -> Any:
        return _Secure if self.use_ssl else _Plain


class _Reply:
    """The lines of one reply, as `smtplib` reads them, until a moment: one that goes on and on holds nobody."""

    def __init__(self, sock: socket.socket, until: float, begun: bytes) -> None:
        self.sock = sock
        self.until = until
        #: What was received and not yet read.
        self.rest = begun
        self.left = _LONGEST_REPLY

    def readline(self, most: int) -> bytes:
        """Raises `CallTimedOut`, and `CallError` for a reply that is too long: neither is an OSError to `smtplib`."""
        while b"\n" not in self.rest and len(self.rest) < most and self._receive():
            pass
        end = self.rest.find(b"\n", 0, most) + 1 or most
        line, self.rest = self.rest[:end], self.rest[end:]
        self.left -= len(line)
        if self.left < 0:
            raise net.CallError(_("The mail server's reply is too long."), code="ERR_BAD_RESPONSE")
        return line

    def _receive(self) -> bool:
        left = self.until - time.monotonic()
        try:
            if left <= 0:
                raise TimeoutError
            self.sock.settimeout(left)
            more = self.sock.recv(_CHUNK)
        except TimeoutError:
            raise net.CallTimedOut(_("The mail server took too long to reply."), code="ETIMEDOUT") from None
        self.rest += more
        return bool(more)

    def close(self) -> None:
        """For `smtplib`, which closes the socket too."""


class _Bounded(smtplib.SMTP):
    """As `smtplib`'s, but a reply, of however many lines and pieces, takes no longer than its time-out."""

    def getreply(self) -> tuple[int, bytes]:
        # What the library keeps is not all told by its types.
        own: Any = self
        # A TLS that begins leaves no file: what was said before it, unencrypted, is not read behind it.
        begun = own.file.rest if isinstance(own.file, _Reply) else b""
        own.file = _Reply(own.sock, time.monotonic() + own.timeout, begun)
        try:
            found = super().getreply()
        except SluiceError:
            self.close()
            raise
        own.sock.settimeout(own.timeout)
        return found


class _Plain(_Bounded):
    """Connects to the very address that was looked at, and uses STARTTLS where it is offered."""

    def __init__(self, host: str, port: int, **kwargs: Any) -> None:
        super().__init__(host, port, **kwargs)
        try:
            self.ehlo_or_helo_if_needed()
            if self.has_extn("starttls"):
                self.starttls(context=ssl.create_default_context())
        except BaseException:
            self.close()
            raise

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        return _connect(host, port, timeout)


class _Secure(_Bounded, smtplib.SMTP_SSL):
    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        context: ssl.SSLContext = self.context
        return context.wrap_socket(_connect(host, port, timeout), server_hostname=host)


def _connect(host: str, port: int, timeout: float) -> socket.socket:
    addresses = net.permitted(host, port, timeout)
    for number, found in enumerate(addresses, 1):
        try:
            return socket.create_connection((found, port), timeout)
        except OSError:
            if number == len(addresses):
                raise
    raise net.CallError(_("The host %s was not found.") % host, code="ENOTFOUND")


def _flat(value: Any) -> Iterable[str]:
    if isinstance(value, list | tuple):
        for item in value:
            yield from _flat(item)
    elif value is not None and (text := to_text(value).strip()):
        yield text


def _said(error: BaseException) -> str:
    """The server's own words, without the command it answered."""
    if isinstance(error, smtplib.SMTPResponseException):
        words = error.smtp_error
        return words.decode(errors="replace") if isinstance(words, bytes) else str(words)
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return _("The server takes none of the recipients: %s") % ", ".join(error.recipients)
    return str(error) or type(error).__name__


def _code(error: BaseException) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        return str(error.smtp_code)
    if isinstance(error, SluiceError):
        return error.code
    return "ETIMEDOUT" if isinstance(error, TimeoutError) else net.code_of(error)
