"""A browser's view of the admin, without a browser: pages by their names, and what they say."""

import html
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse

from tests.people import boss, person


class Pages:
    def __init__(self, user: Any) -> None:
        self.http = Client()
        if user is not None:
            self.http.force_login(user)

    def get(self, name: str, /, *args: Any, status: int = 200, query: str = "") -> str:
        """The text of a page of the admin, its tags and entities resolved."""
        answer = self.http.get(reverse(f"admin:{name}", args=args) + query)
        assert answer.status_code == status, answer.content[:2000]
        self.answer = answer
        return answer.content.decode()

    def post(self, name: str, /, *args: Any, status: int = 302, query: str = "", **data: Any) -> list[str]:
        """The messages that a POST left for the next page; a page with errors instead answers its text's error list."""
        answer = self.http.post(reverse(f"admin:{name}", args=args) + query, data)
        assert answer.status_code == status, answer.content[:2000]
        self.answer = answer
        return [str(message) for message in get_messages(answer.wsgi_request)]

    def errors(self, name: str, /, *args: Any, query: str = "", **data: Any) -> str:
        """What a form that was refused says in its lists of errors."""
        self.post(name, *args, status=200, query=query, **data)
        lists = re.findall(r'<ul class="errorlist[^"]*"[^>]*>(.*?)</ul>', self.answer.content.decode(), re.S)
        assert lists, "The page has no errors."
        return html.unescape(re.sub(r"<[^>]+>", " ", " ".join(lists)))


@pytest.fixture
def pages(db: None) -> Callable[..., Pages]:
    """`pages()` is a superuser's, `pages(None)` nobody's, `pages("app.permission", ...)` that of a staff member."""

    def make(*permissions: str | None) -> Pages:
        if permissions == (None,):
            return Pages(None)
        return Pages(person(*permissions) if permissions else boss())

    return make


def words(page: str) -> str:
    """The text of a page's content, spaces collapsed."""
    body = re.sub(r"(?s)<(script|style|head).*?</\1>", "", page)
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", body)))
