"""The process that runs one script and ends. Started by path, alone, with an empty environment: it imports nothing of
ours. `worker.py PARENT PACKAGES`; the request is read from the standard input, the answer is a line of JSON and, behind
it, the result's JSON text."""

import contextlib
import ctypes
import json
import os
import re
import resource
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS = 1, 38
#: What V8 and Python take beside the script's heap.
_BESIDE = 64 << 20
#: No machine code is made at run time, which is where engines break; and nothing runs in other threads.
_FLAGS = ("--single-threaded", "--jitless")
#: For the console's lines of a script that was stopped.
_LOG_SECONDS = 0.5


def main() -> None:
    parent, packages = int(sys.argv[1]), sys.argv[2]
    _tie_to(parent)
    directory = tempfile.mkdtemp()
    os.chdir(directory)
    # A directory that is gone takes no files.
    Path(directory).rmdir()
    request = json.loads(sys.stdin.buffer.read())
    seconds, memory = request["seconds"], request["memory"]
    # Should the parent be stopped, or die where the system does not tell its children.
    _limit(resource.RLIMIT_CPU, int(seconds) + 5)
    for what in (resource.RLIMIT_CORE, resource.RLIMIT_FSIZE):
        _limit(what, 0)
    sys.path.append(packages)
    import py_mini_racer

    py_mini_racer.init_mini_racer(flags=_FLAGS)
    racer = py_mini_racer.MiniRacer()
    harness = racer.eval(request["harness"])
    _close_off(memory)
    racer.set_hard_memory_limit(memory)
    # The engine stops what it was asked to run, but not what runs behind an `await`.
    signal.signal(signal.SIGALRM, _too_slow)
    signal.setitimer(signal.ITIMER_REAL, seconds + _LOG_SECONDS)
    answer, text = _run(py_mini_racer, racer, harness, request)
    answer["log"] = _log(racer, harness)
    _answer(answer, text)


def _answer(answer: dict[str, Any], text: str = "") -> None:
    signal.setitimer(signal.ITIMER_REAL, 0)
    sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n" + text.encode("utf-8", "replace"))
    sys.stdout.buffer.flush()
    # Closing the engine may wait for ever for what the script left behind.
    os._exit(0)


def _too_slow(_number: int, _frame: Any) -> None:
    _answer({"kind": "time"})


def _tie_to(parent: int) -> None:
    if sys.platform == "linux":
        system = ctypes.CDLL(None)
        system.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        system.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def _close_off(memory: int) -> None:
    """From here on no file, socket, pipe, process or thread can be had, and no more memory than that."""
    # The engine has reserved far more than it will use: what counts is what comes on top.
    status = Path("/proc/self/status")
    reserved = re.search(r"VmData:\s+(\d+) kB", status.read_text()) if status.exists() else None
    if reserved is not None:
        _limit(resource.RLIMIT_DATA, int(reserved[1]) * 1024 + memory + _BESIDE)
    _limit(resource.RLIMIT_NPROC, 0)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))


def _limit(what: int, most: int) -> None:
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(what, (most, most))


def _run(module: Any, racer: Any, harness: Any, request: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """(what it came to, the result's JSON text)."""
    code, seconds, wrong = request["code"], request["seconds"], ""
    try:
        harness("take", request["arguments"], timeout_sec=seconds)
        wrong = harness("check", code, timeout_sec=seconds)
        # As it stands, so that lines are counted as its author counts them.
        body = racer.eval(f"(async () => {{{code}\n}})", timeout_sec=seconds)
        if wrong:
            return {"kind": "syntax", "text": wrong, "stack": ""}, ""
        harness("run", body, request["most"], timeout_sec=seconds)
        # Promises are settled before the engine answers anything else.
        answer = json.loads(harness("outcome", timeout_sec=seconds))
        return answer, harness("text", timeout_sec=seconds) if answer["kind"] == "result" else ""
    except module.JSTimeoutException:
        return {"kind": "time"}, ""
    except module.JSOOMException:
        return {"kind": "memory"}, ""
    except module.JSParseException as error:
        return {"kind": "syntax", "text": "", "stack": str(error)}, ""
    except module.JSEvalException as error:
        if wrong:
            return {"kind": "syntax", "text": wrong, "stack": ""}, ""
        return {"kind": "thrown", "text": str(error).partition("\n")[0], "stack": ""}, ""


def _log(racer: Any, harness: Any) -> Any:
    """What the console got; also of a script that was stopped, if the engine still answers."""
    try:
        racer.set_hard_memory_limit(0)
        return json.loads(harness("log", timeout_sec=_LOG_SECONDS))
    except Exception:
        return {"dropped": 0, "lines": []}


main()
