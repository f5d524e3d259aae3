"""Scripts in their processes: what they come to, and what they can't do."""

import os
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from workflows import scripting
from workflows.checks import check_script
from workflows.scripting import Ran, run_script

pytestmark = pytest.mark.once
needs_engine = pytest.mark.skipif(
    scripting._packages() is None, reason="needs mini-racer: pip install 'django-sluice[script]'"
)


@pytest.fixture(autouse=True)
def _enabled(settings: Any) -> None:
    settings.SLUICE = {"SCRIPT": {"enabled": True, "memory": 32}, "MAX_RESULT_BYTES": 100_000}


def ran(code: str, seconds: float = 20.0, **arguments: Any) -> Ran:
    return run_script(code, [*arguments.items()], seconds)


def processes() -> list[int]:
    """The scripts under way that this process has started."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if any(word.endswith(b"scripting/worker.py") for word in words) and str(os.getpid()).encode() in words:
            found.append(int(path.parent.name))
    return found


@needs_engine
@pytest.mark.parametrize(
    ("code", "result"),
    [
        ("return 1 + 1", 2),
        (
            "return { a: [n, { b: text }], day: new Date(0) }",
            {"a": [3, {"b": "é💧"}], "day": "1970-01-01T00:00:00.000Z"},
        ),
        ("", None),
        ("return undefined", None),
        ("return 0 / 0", None),
        ("await null; return await new Promise((done) => done(7)) // the end", 7),
        ("let n = 5; globalThis.text = 1; return [n, text]", [5, 1]),
        ("return new Date(2020, 0, 1).toISOString()", "2020-01-01T00:00:00.000Z"),
        ("return 'a\\u2028b'", "a\u2028b"),
        ("return new Intl.NumberFormat('de').format(1234.5)", "1.234,5"),
        ("return new Function('return this')() === globalThis", True),
        # What it does to built-in objects is its own.
        ("JSON.stringify = () => '{'; JSON.parse = null; return { n }", {"n": 3}),
        ("delete globalThis.JSON; globalThis.String = 1; return n", 3),
        ("Object.prototype.toJSON = () => 5; return { n }", 5),
        ("Promise.prototype.then = () => 1; await null; return n", 3),
        ("Promise = null; console = null; return await n", 3),
        ("Reflect.apply = String.prototype.slice = null; return n", 3),
        # Nothing of the host is there.
        (
            "return [typeof require, typeof process, typeof fetch, typeof WebAssembly, typeof Atomics, "
            "typeof SharedArrayBuffer, typeof XMLHttpRequest].filter((kind) => kind !== 'undefined')",
            [],
        ),
    ],
)
def test_what_a_script_returns_is_its_result(code: str, result: Any) -> None:
    outcome = ran(code, n=3, text="é💧")
    assert (outcome.error, outcome.result) == (None, result)


@needs_engine
@pytest.mark.parametrize(
    ("code", "error", "text"),
    [
        ("1 1", "syntax", r"SyntaxError: .* \(line 1\)"),
        ("let x = 1;\nlet y = ;\nreturn x", "syntax", r"SyntaxError: .* \(line 2\)"),
        ("}); throw new Error('out'); (async () => {", "syntax", "SyntaxError"),
        ("\n\nthrow new Error('boom')", "thrown", r"Error: boom \(line 3\)"),
        ("const f = () => {\n  null.x;\n};\nf()", "thrown", r"TypeError: .* \(line 2\)"),
        ("throw 'a text'", "thrown", "a text"),
        ("throw { a: 1 }", "thrown", r'{"a":1}'),
        ("return Promise.reject(new TypeError('no'))", "thrown", r"TypeError: no \(line 1\)"),
        ("throw { toJSON() { throw 1 }, toString() { throw 2 } }", "thrown", "object"),
        ("Error.prepareStackTrace = () => { throw 1 }; throw new Error('q')", "thrown", "Error: q"),
        ("setTimeout(() => 1, 5)", "thrown", r"Error: There are no timers .* \(line 1\)"),
        ("return await import('fs')", "thrown", "Error: Not supported"),
        ("await new Promise(() => {})", "pending", "no timers"),
        ("return 5n", "no_json", "BigInt"),
        ("return () => 1", "no_json", "function"),
        ("return Symbol('s')", "no_json", "symbol"),
        ("const a = {}; a.a = a; return a", "no_json", "circular"),
        ("let o = {}; let c = o; for (let i = 0; i < 10000; i++) c = c.a = {}; return o", "no_json", "deep"),
        ("return 'x'.repeat(1e6)", "too_large", "1000002 characters"),
        ("(function f() { f() })()", "thrown", "RangeError: Maximum call stack"),
        ("let s = 'a'; while (1) s += s", "thrown", "RangeError: Invalid string length"),
    ],
)
def test_what_goes_wrong_is_told(code: str, error: str, text: str) -> None:
    outcome = ran(code)
    assert outcome.error is not None
    assert outcome.error.code == error
    assert re.search(text, str(outcome.error))
    assert outcome.result is None


@needs_engine
@pytest.mark.parametrize(
    "code",
    [
        "while (1);",
        "await null; while (1);",
        "Promise.resolve().then(() => { while (1); }); return 1",
        "return /(a+)+$/.test('a'.repeat(40) + 'b')",
        "Error.prototype.toString = () => { while (1); }; throw new Error('q')",
        "for (;;) { try { (function f() { f() })() } catch {} }",
        "return { toJSON() { while (1); } }",
    ],
)
def test_what_does_not_end_is_stopped(code: str) -> None:
    began = time.monotonic()
    outcome = ran(code, 0.4)
    assert outcome.error is not None
    assert outcome.error.code == "too_slow"
    assert time.monotonic() - began < 0.4 + scripting.BESIDE_SECONDS
    assert processes() == []


@needs_engine
@pytest.mark.parametrize(
    "code",
    [
        "const a = []; while (1) a.push(new Uint8Array(1e7).fill(1))",
        "const a = 'x'.repeat(1e8), b = []; while (1) b.push(a.split('x'))",
        "return JSON.stringify(new Array(1e7).fill('xxxxxxxxxxxxxxxxxxxxxxxxxx')).length",
        "const a = []; while (1) a.push(new Array(1000).fill(0).map(() => ({})))",
    ],
)
def test_memory_is_bounded(code: str) -> None:
    outcome = ran(code, 30.0)
    assert outcome.error is not None
    assert outcome.error.code in ("thrown", "no_memory", "crashed")
    assert re.search("allocation failed|32 MiB", str(outcome.error))


@needs_engine
def test_the_watch_from_outside_ends_what_the_bound_inside_let_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scripting, "_BESIDE", -(20 << 20))
    outcome = ran("while (1);")
    assert outcome.error is not None
    assert outcome.error.code == "no_memory"


@needs_engine
def test_the_console_is_the_log() -> None:
    outcome = ran(
        "console.log('a', { b: 1 }, [2], null, 5n); console.info(1); console.warn('w'); "
        "console.error(); console.debug(n)",
        n=3,
    )
    assert outcome.log == [
        ("INFO", 'a {"b":1} [2] null 5'),
        ("INFO", "1"),
        ("WARN", "w"),
        ("ERROR", ""),
        ("DEBUG", "3"),
    ]
    failed = ran("console.log('before'); throw 1")
    assert (failed.log, failed.error and failed.error.code) == ([("INFO", "before")], "thrown")
    assert ran("console.log('before'); while (1);", 0.4).log == [("INFO", "before")]


@needs_engine
def test_the_log_is_bounded() -> None:
    outcome = ran("while (1) console.log('x'.repeat(20000))", 1.0)
    assert outcome.error is not None
    assert outcome.error.code == "too_slow"
    *lines, (level, text) = outcome.log
    assert sum(len(line) for _level, line in lines) < 250_000
    assert max(len(line) for _level, line in lines) < 10_100
    assert level == "WARN"
    assert re.match(r"\d+ more lines", text)


@needs_engine
def test_nothing_is_kept_from_one_script_to_the_next() -> None:
    assert ran("globalThis.kept = 1; Array.prototype.kept = 1; return kept").result == 1
    assert ran("return [typeof kept, typeof [].kept]").result == ["undefined", "undefined"]


@needs_engine
@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_the_process_has_nothing_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://user:secret@host/name")
    with open("/dev/null") as mine, ThreadPoolExecutor(1) as pool:  # noqa: PTH123
        os.set_inheritable(mine.fileno(), True)
        under_way = pool.submit(ran, "while (1);", 3.0)
        pid = begun()
        process = Path(f"/proc/{pid}")
        environment = process.joinpath("environ").read_bytes().split(b"\0")
        links = {link.name: os.readlink(link) for link in process.joinpath("fd").iterdir()}
        limits = process.joinpath("limits").read_text()
        where = os.readlink(process / "cwd")
        session = os.getsid(pid)
        outcome = under_way.result()
    assert {item.partition(b"=")[0] for item in environment} <= {b"", b"TZ", b"LD_LIBRARY_PATH"}
    assert sorted(name for name, target in links.items() if not target.startswith(("anon_inode", "socket:"))) == [
        "0",
        "1",
        "2",
    ]
    for named in ("Max open files", "Max file size", "Max core file size"):
        assert re.search(rf"{named}\s+0\s+0", limits)
    assert not re.search(r"Max data size\s+unlimited", limits)
    assert not re.search(r"Max cpu time\s+unlimited", limits)
    assert where.endswith(" (deleted)")
    assert session == pid
    assert outcome.error is not None


def begun() -> int:
    """The script that just began, once it has given up what it can."""
    for _ in range(400):
        for pid in processes():
            if re.search(r"Max open files\s+0\s+0", Path(f"/proc/{pid}/limits").read_text()):
                return pid
        time.sleep(0.02)
    raise AssertionError("No script began.")


@needs_engine
@pytest.mark.skipif(sys.platform != "linux", reason="needs prctl")
def test_the_process_dies_with_ours() -> None:
    """Ours is killed as no worker expects it."""
    code = (
        "import os, django; os.environ['DJANGO_SETTINGS_MODULE'] = 'config.settings'; django.setup()\n"
        "from django.test.utils import override_settings\n"
        "from workflows.scripting import run_script\n"
        "with override_settings(SLUICE={'SCRIPT': {'enabled': True}}):\n"
        "    run_script('while (1);', [], 50.0)"
    )
    ours = subprocess.Popen([sys.executable, "-c", code])
    try:
        pid = None
        for _ in range(600):
            children = Path(f"/proc/{ours.pid}/task/{ours.pid}/children").read_text().split()
            if children and b"worker.py" in Path(f"/proc/{children[0]}/cmdline").read_bytes():
                pid = int(children[0])
                break
            time.sleep(0.05)
        assert pid is not None
        time.sleep(0.5)
    finally:
        ours.send_signal(signal.SIGKILL)
        ours.wait()
    for _ in range(100):
        state = Path(f"/proc/{pid}/stat")
        if not state.exists() or state.read_text().rpartition(")")[2].split()[0] == "Z":
            return
        time.sleep(0.05)
    raise AssertionError("The script outlived the process that had started it.")


@needs_engine
def test_so_many_run_at_once_and_the_others_wait(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.SLUICE = {"SCRIPT": {"enabled": True, "at_once": 2}}
    seen = []
    started = scripting._started

    def counted() -> Any:
        seen.append(len(processes()))
        return started()

    monkeypatch.setattr(scripting, "_started", counted)
    with ThreadPoolExecutor(20) as pool:
        results = list(pool.map(lambda n: ran("return n * 2", n=n).result, range(20)))
    assert results == [n * 2 for n in range(20)]
    assert max(seen) < 2


@needs_engine
def test_a_turn_that_does_not_come_is_told(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.SLUICE = {"SCRIPT": {"enabled": True, "at_once": 1}}
    monkeypatch.setattr(scripting, "QUEUE_SECONDS", 0.1)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(ran, "while (1);", 3.0)
        begun()
        second = ran("return 1")
        assert first.result().error is not None
    assert second.error is not None
    assert second.error.code == "busy"


@pytest.mark.parametrize(
    ("setting", "installed", "expected"),
    [({}, True, []), ({}, False, []), ({"enabled": True}, True, []), ({"enabled": True}, False, ["sluice.E007"])],
)
def test_scripts_that_are_on_need_the_engine(
    setting: Any, installed: bool, expected: list[str], settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.SLUICE = {"SCRIPT": setting}
    monkeypatch.setattr(scripting, "_packages", lambda: "/somewhere" if installed else None)
    found = check_script(None)
    assert [message.id for message in found] == expected
    assert all(message.hint for message in found)
    if not installed or not setting:
        outcome = ran("return 1")
        assert outcome.error is not None
        assert outcome.error.code == "off"
