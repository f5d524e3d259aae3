"""An SMTP server for tests: keeps what it is sent, and refuses what it is told to."""

import base64
import socketserver
import ssl
import threading
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path


class Smtp:
    """`mails` are (sender, recipients, message), `auth` what was signed in with; `refuse` is a reply by command."""

    def __init__(self, certificate: Path | None = None) -> None:
        self.mails: list[tuple[str, list[str], EmailMessage]] = []
        self.auth: list[list[str]] = []
        self.refuse: dict[str, str] = {}
        outer, context = self, None
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)

        class Handler(socketserver.StreamRequestHandler):
            def setup(self) -> None:
                if context is not None:
                    self.request = context.wrap_socket(self.request, server_side=True)
                super().setup()

            def handle(self) -> None:
                self.say("220 here")
                self.sender, self.recipients = "", []
                while line := self.rfile.readline().decode().strip():
                    verb = line.partition(" ")[0].upper()
                    if verb in outer.refuse:
                        self.say(outer.refuse[verb])
                    else:
                        getattr(self, f"on_{verb.lower()}", self.on_other)(line)
                    if verb == "QUIT":
                        return

            def finish(self) -> None:
                super().finish()
                self.request.close()

            def say(self, line: str) -> None:
                self.wfile.write(f"{line}\r\n".encode())

            def on_other(self, line: str) -> None:
                self.say("250 OK")

            def on_ehlo(self, line: str) -> None:
                self.say("250-here")
                self.say("250 AUTH PLAIN")

            def on_auth(self, line: str) -> None:
                outer.auth.append(base64.b64decode(line.rpartition(" ")[2]).decode().split("\0")[1:])
                self.say("235 OK")

            def on_mail(self, line: str) -> None:
                self.sender = line.partition("<")[2].partition(">")[0]
                self.say("250 OK")

            def on_rcpt(self, line: str) -> None:
                self.recipients.append(line.partition("<")[2].partition(">")[0])
                self.say("250 OK")

            def on_data(self, line: str) -> None:
                self.say("354 go on")
                lines = []
                while (line_read := self.rfile.readline()) != b".\r\n":
                    lines.append(line_read.removeprefix(b"."))
                message = message_from_bytes(b"".join(lines), policy=policy.default)
                outer.mails.append((self.sender, self.recipients, message))
                self.say("250 kept")

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            allow_reuse_address = True

            def handle_error(self, *args: object) -> None:
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port: int = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
