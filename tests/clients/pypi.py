"""The vendors' own Python clients: installed once from PyPI, and run unchanged in a process of their own."""

import fcntl
import json
import os
import queue
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

from executions.store.side import close_side
from executions.testing import drain

REQUIREMENTS = (
    "alibabacloud_fnf20190315==2.0.1",
    "aliyun-python-sdk-fnf==1.8.3",
    "aliyun-python-sdk-core==2.16.1",
    "huaweicloudsdkfunctiongraph==3.1.219",
    "huaweicloudsdkcore==3.1.219",
    "requests",
)
CACHE = Path(__file__).resolve().parent.parent.parent / ".clients"
#: Not in version control.
PLACE = CACHE / "pypi"
INSTALL_SECONDS = 600
#: Between two rounds of work for a client that waits for a run.
ROUND_SECONDS = 0.1

Client = Callable[..., list[Any]]
Lines = queue.Queue[str | None]


class Absent(Exception):
    """Why the clients can't be had."""


def installed() -> Path:
    """The Python that has the clients; the first caller installs them, others wait for it. Raises `Absent`."""
    python = PLACE / "bin" / "python"
    # Another interpreter can't use what this one installed.
    stamp, wanted = PLACE / "stamp", "\n".join([sys.version, *REQUIREMENTS])
    with _alone():
        if not (python.exists() and stamp.is_file() and stamp.read_text() == wanted):
            shutil.rmtree(PLACE, ignore_errors=True)
            _call(sys.executable, "-m", "venv", str(PLACE))
            _call(str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *REQUIREMENTS)
            stamp.write_text(wanted)
    return python


@contextmanager
def _alone() -> Iterator[None]:
    CACHE.mkdir(exist_ok=True)
    with (CACHE / "pypi.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _call(*command: str) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Absent(str(error)) from error
    if done.returncode:
        raise Absent((done.stderr or done.stdout).strip()[-300:])


def run(command: list[str], *, timeout: float = 180, working: bool = False) -> list[Any]:
    """What a program wrote, a JSON value a line; fails with what it wrote to stderr if it fails or takes too long.

    A line that is the JSON text "work" asks for what is due to be done, and is answered by an empty line; `working`
    does it all the time, as workers do.
    """
    process = subprocess.Popen(
        command,
        env=_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )
    lines: Lines = queue.Queue()
    complaints: list[str] = []
    readers = [
        Thread(target=_read, args=(process.stdout, lines.put)),
        Thread(target=_read, args=(process.stderr, complaints.append)),
    ]
    for reader in readers:
        reader.start()
    said: list[Any] = []
    try:
        in_time = _listen(process, lines, said, time.monotonic() + timeout, working)
        code = process.wait(timeout=60) if in_time else None
    finally:
        process.kill()
        process.wait()
        for reader in readers:
            reader.join()
        close_side()
        for stream in (process.stdin, process.stdout, process.stderr):
            assert stream is not None
            stream.close()
    problem = f"ended with {code}" if in_time else f"did not end within {timeout} s"
    assert code == 0, f"{command} {problem} after it said {said}\n{_text(complaints)}"
    return said


def _listen(process: Any, lines: Lines, said: list[Any], until: float, working: bool) -> bool:
    """Whether it closed its output in time."""
    while time.monotonic() < until:
        if working:
            drain()
        try:
            line = lines.get(timeout=ROUND_SECONDS)
        except queue.Empty:
            continue
        if line is None:
            return True
        value = json.loads(line)
        if value == "work":
            drain()
            process.stdin.write("\n")
            process.stdin.flush()
        else:
            said.append(value)
    return False


def _read(stream: Any, put: Callable[[str | None], Any]) -> None:
    for line in stream:
        put(line)
    put(None)


def _text(complaints: list[Any]) -> str:
    return "".join(filter(None, complaints))[-5000:]


def _environment() -> dict[str, str]:
    """Without what would lead a client elsewhere: proxies, credentials and paths of whoever runs the tests."""
    kept = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ", "SYSTEMROOT")
    return {name: os.environ[name] for name in kept if name in os.environ} | {
        "PYTHONUTF8": "1",
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
