"""JavaScript in a process of its own: no network, no files, no other process, so much memory and time."""

import contextlib
import json
import os
import re
import selectors
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _

from workflows.conf import conf
from workflows.errors import SluiceError

#: Seconds a script waits for its turn; then its step fails and may be tried again.
QUEUE_SECONDS = 30.0
#: Seconds for the process to start and to tell its outcome, beside the script's own.
BESIDE_SECONDS = 10.0
#: How often the process is looked at.
_LOOK_SECONDS = 0.05
#: What the process takes beside the script's heap, in bytes.
_BESIDE = 192 << 20
_LOG_BYTES = 2 << 20
_HERE = Path(__file__).parent
_POSITION = re.compile(r"<anonymous>:(\d+)")


class ScriptError(SluiceError):
    """A script came to no result; `code` is one of syntax, thrown, pending, no_json, too_large, too_slow, no_memory,
    crashed, busy and off."""

    code = "thrown"


@dataclass(slots=True)
class Ran:
    """What a script came to: its result as JSON, or the error; and the console's lines, (level, text)."""

    result: Any = None
    error: ScriptError | None = None
    log: list[tuple[str, str]] = field(default_factory=list)


def why_not() -> str | None:
    """Why no script can run here, or None."""
    if not conf().SCRIPT.enabled:
        return _('Scripts are off; SLUICE["SCRIPT"] = {"enabled": True} lets them run.')
    if _packages() is None:
        return _("Scripts need mini-racer, which is not installed: pip install 'django-sluice[script]'.")
    return None


def run_script(code: str, arguments: list[tuple[str, Any]], seconds: float, most: float | None = None) -> Ran:
    """Runs the body of an async function whose globals the arguments are; JSON values in, a JSON value out.

    Whatever goes wrong is an outcome. The script has `seconds`, and QUEUE_SECONDS go by before its turn at most; with
    `most` both together are bounded by that.
    """
    if (reason := why_not()) is not None:
        return Ran(error=ScriptError(reason, code="off"))
    settled = conf().SCRIPT
    slots, asked = _slots(settled.at_once), time.monotonic()
    patience = QUEUE_SECONDS if most is None else min(QUEUE_SECONDS, most)
    if not slots.acquire(timeout=patience):
        said = _('No script could be started for %g s; others were running. Raise SLUICE["SCRIPT"]["at_once"].')
        return Ran(error=ScriptError(said % patience, code="busy"))
    try:
        if most is not None:
            seconds = max(min(seconds, asked + most - time.monotonic()), 0.01)
        memory, limit = settled.memory << 20, conf().MAX_RESULT_BYTES
        request = {
            "harness": (_HERE / "harness.js").read_text(),
            "code": code,
            "arguments": json.dumps(arguments),
            "seconds": seconds,
            "memory": memory,
            "most": limit,
        }
        exchange = _Exchange(json.dumps(request).encode(), memory + _BESIDE, limit * 3 + _LOG_BYTES)
        return _ran(exchange.run(seconds + BESIDE_SECONDS), settled.memory, seconds, limit)
    finally:
        slots.release()


@lru_cache(maxsize=4)
def _slots(number: int) -> threading.BoundedSemaphore:
    return threading.BoundedSemaphore(number)


@lru_cache(maxsize=1)
def _packages() -> str | None:
    """The directory that mini-racer lies in: the process has no other way to find it."""
    found = find_spec("py_mini_racer")
    return str(Path(found.origin).parent.parent) if found is not None and found.origin else None


def _python() -> str:
    """Inside of a server written in C `sys.executable` may be the server."""
    named = Path(sys.executable or "").name.startswith(("python", "pypy"))
    return sys.executable if named else str(Path(sys.exec_prefix) / "bin" / "python3")


class _Exchange:
    """Starts the process, hands it the request, and reads its answer; kills it as soon as a bound is passed."""

    def __init__(self, request: bytes, memory: int, most: int) -> None:
        self.request, self.memory, self.most = memoryview(request), memory, most
        self.answer = bytearray()
        #: Which bound was passed.
        self.passed: str | None = None

    def run(self, seconds: float) -> "_Exchange":
        process = _started()
        try:
            self._talk(process, time.monotonic() + seconds)
        finally:
            # Its own session: whatever it might have started goes with it.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            for pipe in (process.stdin, process.stdout):
                with contextlib.suppress(OSError):
                    pipe and pipe.close()
        return self

    def _talk(self, process: "subprocess.Popen[bytes]", until: float) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        with selectors.DefaultSelector() as ready:
            for pipe, event in ((process.stdin, selectors.EVENT_WRITE), (process.stdout, selectors.EVENT_READ)):
                os.set_blocking(pipe.fileno(), False)
                ready.register(pipe, event)
            while self.passed is None:
                for key, _event in ready.select(_LOOK_SECONDS):
                    if key.fileobj is process.stdin:
                        if self._written(process.stdin.fileno()):
                            ready.unregister(process.stdin)
                            process.stdin.close()
                    elif not self._read(process.stdout.fileno()):
                        return
                if time.monotonic() > until:
                    self.passed = "too_slow"
                elif _resident(process.pid) > self.memory:
                    self.passed = "no_memory"

    def _written(self, pipe: int) -> bool:
        """Whether all is written, or nobody reads any more."""
        try:
            self.request = self.request[os.write(pipe, self.request[:65_536]) :]
        except BlockingIOError:
            return False
        except BrokenPipeError:
            return True
        return not self.request

    def _read(self, pipe: int) -> bool:
        """False at the end."""
        try:
            part = os.read(pipe, 1 << 20)
        except BlockingIOError:
            return True
        self.answer += part
        if len(self.answer) > self.most:
            self.passed = "crashed"
        return bool(part)


def _started() -> "subprocess.Popen[bytes]":
    # Nothing of the environment but where the system's loader looks: no addresses, no secrets.
    kept = {name: os.environ[name] for name in ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH") if name in os.environ}
    return subprocess.Popen(  # noqa: S603
        [_python(), "-I", "-S", "-B", str(_HERE / "worker.py"), str(os.getpid()), str(_packages())],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd="/",
        env={**kept, "TZ": "UTC"},
        start_new_session=True,
        bufsize=0,
    )


def _resident(pid: int) -> int:
    """Bytes of memory that the process has at present; 0 where the system does not tell."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0


def _ran(exchange: _Exchange, memory: int, seconds: float, most: int) -> Ran:
    head, _newline, text = bytes(exchange.answer).partition(b"\n")
    try:
        answer: dict[str, Any] = json.loads(head) if exchange.passed is None else {"kind": exchange.passed}
        ran = Ran(log=_log(answer.get("log") or {}))
        if answer["kind"] == "result":
            ran.result = _value(text)
        else:
            ran.error = _error(answer, memory, seconds, most)
    except ScriptError as error:
        ran.error = error
    except (ValueError, LookupError, TypeError, AttributeError):
        # It died without an answer: what engines do that get no memory.
        return Ran(error=_error({"kind": "crashed"}, memory, seconds, most))
    return ran


def _value(text: bytes) -> Any:
    try:
        return json.loads(text)
    except RecursionError:
        raise ScriptError(
            _("What the script returned is nested too deep; return something flatter."), code="no_json"
        ) from None


def _log(told: dict[str, Any]) -> list[tuple[str, str]]:
    lines = [(str(level), str(text)) for level, text in told.get("lines", ())]
    if told.get("dropped"):
        lines.append(("WARN", _("%d more lines of the console were not kept.") % told["dropped"]))
    return lines


def _error(answer: dict[str, Any], memory: int, seconds: float, most: int) -> ScriptError:
    kind, text, stack = answer["kind"], str(answer.get("text", "")), str(answer.get("stack", ""))
    if kind == "syntax":
        text = text or stack.partition("\n")[0].partition(": ")[2]
        return ScriptError(_placed(text, stack), code="syntax")
    if kind == "thrown":
        return ScriptError(_placed(text, stack), code="thrown")
    if kind == "pending":
        return ScriptError(_("The script waits for a promise that nothing settles; there are no timers."), code=kind)
    if kind == "json":
        said = _("What the script returned is no JSON (%s); return texts, numbers, booleans, null, lists and objects.")
        return ScriptError(said % text, code="no_json")
    if kind == "size":
        said = _("The result takes %(size)d characters as JSON, and at most %(limit)d bytes are kept; return less.")
        return ScriptError(said % {"size": int(answer["length"]), "limit": most}, code="too_large")
    if kind in ("time", "too_slow"):
        return ScriptError(
            _("The script was stopped after %g s; let it do less, or allow it more.") % seconds, code="too_slow"
        )
    if kind in ("memory", "no_memory"):
        said = _('The script needs more than %d MiB of memory; let it hold less, or raise SLUICE["SCRIPT"]["memory"].')
        return ScriptError(said % memory, code="no_memory")
    said = _("The script's process ended without a result, most likely for want of memory (%d MiB); let it hold less.")
    return ScriptError(said % memory, code="crashed")


def _placed(text: str, stack: str) -> str:
    found = _POSITION.search(stack)
    return _("%(text)s (line %(line)s)") % {"text": text, "line": found[1]} if found else text
