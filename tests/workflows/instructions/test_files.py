"""The files that request and mail nodes send."""

import base64
from collections.abc import Iterator
from typing import Any

import pytest

from config.shop.models import Product
from tests.workflows.instructions.scans import save_file, scans
from workflows.errors import Invalid
from workflows.instructions.files import check_files, read_files, without_content

pytestmark = pytest.mark.django_db

INLINE = {"filename": "a.png", "content": base64.b64encode(b"picture").decode(), "contentType": "image/png"}


@pytest.fixture
def scan(settings: Any) -> Iterator[Any]:
    settings.SLUICE = {"MODELS": ["*", "shop.Scan"], "REQUEST_MAX_BYTES": 20}
    with scans() as model:
        yield model


def test_files_of_rows_and_files_written_out(scan: Any) -> None:
    one, two = save_file(scan, "in/one.txt", b"first"), save_file(scan, "two.txt", b"second")
    none = Product.objects.create(name="", price=1).pk
    several = {"collection": "shop.Scan", "id": [one, str(two), None, none], "field": "file"}
    assert read_files([several, [[INLINE], None, ""]], "data") == [
        ("one.txt", b"first", None),
        ("two.txt", b"second", None),
        ("a.png", b"picture", "image/png"),
    ]
    assert read_files({"collection": "default:shop.Scan", "id": one}, "data") == [("one.txt", b"first", None)]


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        pytest.param("in/one.txt", "A file is", id="a name alone"),
        pytest.param("../settings.py", "A file is", id="a path"),
        pytest.param({"filename": "a"}, "A file is", id="no content"),
        pytest.param({"filename": "a", "content": "no base64!"}, "not base64", id="no base64"),
        pytest.param({"collection": "shop.Scan", "id": 2**70}, "no row", id="no such row"),
        pytest.param({"collection": "shop.Scan", "id": "x\x00"}, "no row", id="no id"),
        pytest.param({"collection": "shop.Scan", "id": {"a": 1}}, "no row", id="an object as id"),
        pytest.param({"collection": "shop.Product", "id": 1}, "no file field ''; it has: none", id="no file field"),
        pytest.param({"collection": "shop.Scan", "id": 1, "field": "id"}, "it has: file", id="another field"),
        pytest.param({"collection": "auth.User", "id": 1, "field": "password"}, "may not use", id="not usable"),
        pytest.param({"collection": "shop.Nothing", "id": 1}, "no model", id="no model"),
        pytest.param({"collection": ["x"], "id": 1}, "Name a model", id="no text"),
    ],
)
def test_what_is_no_file_says_so(scan: Any, value: Any, sentence: str) -> None:
    with pytest.raises(Invalid, match=sentence) as raised:
        read_files(value, "data")
    assert raised.value.field == "data"


def test_a_row_whose_file_is_gone(scan: Any) -> None:
    pk = Product.objects.create(name="in/gone.txt", price=1).pk
    with pytest.raises(Invalid, match="no file 'in/gone.txt'"):
        read_files({"collection": "shop.Scan", "id": pk}, "data")


def test_a_row_can_not_lead_out_of_its_storage(scan: Any, tmp_path: Any, settings: Any) -> None:
    from django.core.files.storage import FileSystemStorage

    scan._meta.get_field("file").storage = FileSystemStorage(tmp_path / "media")
    (tmp_path / "secret.txt").write_text("secret")
    pk = Product.objects.create(name="../secret.txt", price=1).pk
    with pytest.raises(Invalid, match="no file"):
        read_files({"collection": "shop.Scan", "id": pk}, "data")


def test_a_field_that_is_sensitive_is_none(scan: Any) -> None:
    scan.sluice_sensitive = ("file",)
    with pytest.raises(Invalid, match="it has: none"):
        read_files({"collection": "shop.Scan", "id": save_file(scan, "a", b"a"), "field": "file"}, "data")


def test_files_have_a_size_that_fits_the_memory(scan: Any) -> None:
    ids = [save_file(scan, name, b"x" * 10) for name in ("a", "b", "c")]
    assert len(read_files({"collection": "shop.Scan", "id": ids[:2]}, "data")) == 2
    for value in ({"collection": "shop.Scan", "id": ids}, [{"collection": "shop.Scan", "id": pk} for pk in ids]):
        with pytest.raises(Invalid, match="more than 20 bytes"):
            read_files(value, "data")


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ({"collection": "shop.Product", "id": "{{$context.id}}"}, "no file field"),
        ([[{"collection": "shop.Scan"}]], "by its id"),
        ({"collection": "shop.Nothing", "id": 1}, "no model"),
    ],
)
def test_what_can_not_be_meant_is_refused_when_it_is_saved(scan: Any, value: Any, sentence: str) -> None:
    with pytest.raises(Invalid, match=sentence) as raised:
        check_files(value, "attachments")
    assert raised.value.field == "attachments"


@pytest.mark.parametrize(
    "value",
    [
        None,
        "{{$context.files}}",
        [INLINE, {"collection": "shop.Scan", "id": "{{$context.id}}"}],
        {"collection": "shop.Scan", "id": 1, "field": "{{$context.field}}"},
    ],
)
def test_what_can_be_meant_is_taken(scan: Any, value: Any) -> None:
    check_files(value, "attachments")


def test_jobs_keep_no_content() -> None:
    row = {"collection": "shop.Scan", "id": 1}
    assert without_content([INLINE, [row], None]) == ["a.png", [row], None]
