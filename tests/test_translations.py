"""Simplified Chinese: complete, true to its placeholders, compiled as it stands, and shown to those who ask for it."""

import ast
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse
from django.utils import translation
from django.utils.translation.template import templatize

from executions import operations
from tests.building import build
from tests.executions.rows import job, run
from tests.pages import words
from tests.people import boss
from workflows.errors import SluiceError

pytestmark = [pytest.mark.once]

ROOT = Path(settings.BASE_DIR)
APPS = ["workflows", "executions"]
#: Languages that browsers ask for, and that are all answered with the one we have.
ASKED = ["zh-hans", "zh-CN,zh;q=0.9"]

#: Texts that Django's admin says too, and that mean the same there.
DJANGOS = {"Delete", "Duration", "Error:", "Home", "No", "No, take me back", "Summary", "Yes", " By %(filter_title)s "}

#: (context, text, plural); the latter two are None where there is none.
Key = tuple[str | None, str, str | None]
STRING = r"""u?(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""
MARKED = re.compile(rf"(?<!\w)(npgettext|ngettext|pgettext|gettext|_)\(\s*({STRING}(?:\s*,\s*{STRING})*)")
PLACEHOLDER = re.compile(r"%(?:\(\w+\))?[-#0 +]*\d*(?:\.\d+)?[diouxXeEfFgGcrsa%]|\{\{?\w+\}?\}")


@dataclass
class Entry:
    """One entry of a .po file: its key, its flags, and a translation for each plural form."""

    fields: dict[str, str] = field(default_factory=dict)
    flags: set[str] = field(default_factory=set)

    @property
    def key(self) -> Key:
        return self.fields.get("msgctxt"), self.fields["msgid"], self.fields.get("msgid_plural")

    @property
    def translations(self) -> list[str]:
        return [text for name, text in self.fields.items() if name.startswith("msgstr")]


def catalog(app: str, suffix: str) -> Path:
    return ROOT / app / "locale" / "zh_Hans" / "LC_MESSAGES" / f"django.{suffix}"


def read_po(app: str) -> list[Entry]:
    """The entries but the first, which describes the file."""
    entries = []
    for block in catalog(app, "po").read_text(encoding="utf-8").split("\n\n"):
        entry, name = Entry(), ""
        for line in block.splitlines():
            if line.startswith("#,"):
                entry.flags.update(flag.strip() for flag in line[2:].split(","))
            elif line and not line.startswith("#"):
                if not line.startswith('"'):
                    name, line = line.split(" ", 1)
                entry.fields[name] = entry.fields.get(name, "") + ast.literal_eval(line)
        if entry.fields.get("msgid"):
            entries.append(entry)
    return entries


def read_mo(app: str) -> dict[bytes, bytes]:
    """What the compiled file maps to what, but its description, as the format has it."""
    data = catalog(app, "mo").read_bytes()
    magic, _revision, count, originals, translations = struct.unpack_from("<5I", data)
    assert magic == 0x950412DE

    def texts(table: int) -> Iterator[bytes]:
        for length, offset in struct.iter_unpack("<2I", data[table : table + 8 * count]):
            yield data[offset : offset + length]

    found = dict(zip(texts(originals), texts(translations), strict=True))
    del found[b""]
    return found


def in_code(app: str) -> Iterator[tuple[Path, Key | None]]:
    """What Python marks for translation, by whatever name the function was imported; None where it is no literal."""
    for path in sorted((ROOT / app).rglob("*.py")):
        if "migrations" in path.parts:
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = {
            alias.asname or alias.name: alias.name.removesuffix("_lazy")
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and node.module == "django.utils.translation"
            for alias in node.names
            if "gettext" in alias.name
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names:
                yield path, key_of(names[node.func.id], [getattr(each, "value", None) for each in node.args])


def in_templates(app: str) -> Iterator[tuple[Path, Key | None]]:
    for path in sorted((ROOT / app / "templates").rglob("*.html")):
        for function, texts in MARKED.findall(templatize(path.read_text(encoding="utf-8"))):
            yield path, key_of(function, list(ast.literal_eval(f"({texts},)")))


def key_of(function: str, args: list[Any]) -> Key | None:
    contextual, plural = "p" in function.removesuffix("gettext"), "n" in function.removesuffix("gettext")
    texts = args[: 1 + contextual + plural]
    if len(texts) < 1 + contextual + plural or not all(isinstance(text, str) for text in texts):
        return None
    context = texts.pop(0) if contextual else None
    return context, texts[0], texts[1] if plural else None


def placeholders(text: str) -> list[str]:
    """In order where they go by their order, else sorted."""
    found = PLACEHOLDER.findall(text)
    return found if any(re.match(r"%[^(%]", each) for each in found) else sorted(found)


@pytest.mark.parametrize("app", APPS)
def test_all_that_is_marked_stands_in_the_catalogue_and_nothing_else(app: str) -> None:
    marked = [*in_code(app), *in_templates(app)]
    assert not [path for path, key in marked if key is None], "Only literal text can be gathered."
    assert len(marked) > 100
    known, used = {entry.key for entry in read_po(app)}, {key for _path, key in marked}
    # Where one text is marked with and without a plural, gettext makes a single entry of both.
    plurals = {key[:2] for key in known if key[2] is not None}
    missing = {key for key in used - known if key is not None and key[:2] not in plurals}
    assert sorted(map(str, missing)) == [], "Run `make messages` and translate what it found."
    assert sorted(map(str, known - used)) == [], "Run `make messages`: nothing says this any more."


@pytest.mark.parametrize("app", APPS)
def test_every_entry_is_translated_by_a_person_with_its_placeholders(app: str) -> None:
    for entry in read_po(app):
        _context, text, plural = entry.key
        assert "fuzzy" not in entry.flags, entry.key
        # Chinese has one form for all numbers.
        assert len(entry.translations) == 1, entry.key
        for translated in entry.translations:
            assert translated.strip(), entry.key
            assert placeholders(translated) == placeholders(plural or text), entry.key


@pytest.mark.parametrize("app", APPS)
def test_the_compiled_catalogue_is_that_of_the_source(app: str) -> None:
    source = {}
    for entry in read_po(app):
        context, text, plural = entry.key
        whole = (f"{context}\4" if context else "") + text + (f"\0{plural}" if plural is not None else "")
        source[whole.encode()] = "\0".join(entry.translations).encode()
    assert read_mo(app) == source, "Run `make messages`."


@pytest.mark.parametrize("app", APPS)
def test_what_is_translated_is_what_is_seen(app: str) -> None:
    """Django throws the catalogues of all apps together, its own too: of two translations of one text only that of the
    first app is seen. A text that means something else elsewhere needs a context.
    """
    with translation.override("zh-hans"):
        for entry in read_po(app):
            context, text, plural = entry.key
            if text in DJANGOS:
                continue
            if plural is not None:
                seen = translation.ngettext(text, plural, 2)
            else:
                seen = translation.pgettext(context, text) if context else translation.gettext(text)
            assert seen == entry.translations[0], entry.key


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("%(b)s and %(a)d", ["%(a)d", "%(b)s"]),
        ("%s, then %d", ["%s", "%d"]),
        ("%.1f s of {{path}} and {name}", ["%.1f", "{{path}}", "{name}"]),
        ('{"retry": {"attempts": 3}}', []),
    ],
)
def test_placeholders_are_found(text: str, found: list[str]) -> None:
    assert placeholders(text) == found


# -- what people see --------------------------------------------------------------------------------------------------


@pytest.fixture
def language() -> Iterator[None]:
    """A request's language stays active in its thread after the test client's answer."""
    with translation.override(translation.get_language()):
        yield


def page(name: str, *args: Any, asked: str = ASKED[0]) -> str:
    client = Client(headers={"accept-language": asked})
    client.force_login(boss())
    answer = client.get(reverse(f"admin:{name}", args=args))
    assert answer.status_code == 200
    whole = answer.content.decode()
    assert 'lang="zh-hans"' in whole
    # Django's own sidebar is not all in Chinese.
    return words(whole.partition('id="content-start"')[2])


def english(text: str) -> list[str]:
    """Two words or more in a row."""
    return re.findall(r"\b[A-Za-z]{2,}(?: [a-z]{2,})+\b", text)


@pytest.mark.django_db
@pytest.mark.usefixtures("language")
@pytest.mark.parametrize("asked", ASKED)
def test_the_list_of_executions_is_in_chinese(asked: str) -> None:
    workflow = build([], title="订单审核")
    for status in (None, 0, 1, -1, -2, -3, -4, -5, -6):
        run(workflow, status=status)
    shown = page("executions_execution_changelist", asked=asked)
    for label in ("排队中", "进行中", "已完成", "失败", "出错", "已终止", "已取消", "已拒绝", "需重试", "手动触发"):
        assert label in shown
    assert not english(shown)


@pytest.mark.django_db
@pytest.mark.usefixtures("language")
@pytest.mark.parametrize("asked", ASKED)
def test_the_page_of_a_workflow_is_in_chinese(asked: str) -> None:
    inside = [("calculation", {"engine": "math.js", "expression": "1"})]
    workflow = build([("condition", {}, {1: inside}), ("loop", {"target": 2}, {0: inside})], title="订单审核")
    shown = page("workflows_workflow_change", workflow.pk, asked=asked)
    for label in ("新建版本", "立即执行", "触发器", "条件判断", "每一项", "节点", "已启用", "当前版本"):
        assert label in shown
    assert not english(shown)


@pytest.mark.django_db
@pytest.mark.usefixtures("language")
def test_the_page_of_an_execution_tells_a_state_from_a_time() -> None:
    execution = run(build([], title="订单审核"), status=0)
    job(execution, 1, status=0, wait="outside")
    shown = page("executions_execution_change", execution.pk)
    for label in ("状态 进行中", "开始时间", "等待：外部响应"):
        assert label in shown
    assert not english(shown)


@pytest.mark.django_db
def test_a_refusal_is_in_the_language_of_who_asks() -> None:
    execution = run(status=1)
    with translation.override("zh-hans"), pytest.raises(SluiceError) as refused:
        operations.cancel(execution.pk)
    assert str(refused.value) == f"执行 {execution.pk} 已结束（已完成），不能取消。"
