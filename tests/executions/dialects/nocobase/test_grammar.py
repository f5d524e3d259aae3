import pytest

from executions.dialects.nocobase.grammar import Target, parse


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("posts:list", Target("posts", "list")),
        ("posts:get/7", Target("posts", "get", "7")),
        ("posts:get/7/", Target("posts", "get", "7")),
        ("posts", Target("posts")),
        ("posts/7", Target("posts", None, "7")),
        ("posts/a:b", Target("posts", None, "a:b")),
        ("posts/7/tags", Target("tags", None, None, "posts", "7")),
        ("posts/7/tags/3", Target("tags", None, "3", "posts", "7")),
        ("posts/7/tags:list", Target("tags", "list", None, "posts", "7")),
        ("posts/7/tags:get/3", Target("tags", "get", "3", "posts", "7")),
        ("posts/a%2Fb/tags:list", Target("tags", "list", None, "posts", "a/b")),
        ("posts/_/tags:list", Target("tags", "list")),
        ("posts/_/tags:create", Target("tags", "create", None, "posts", "_")),
        ("shop.Order:list", Target("shop.Order", "list")),
        ("", None),
        ("/posts", None),
        ("posts:", None),
        (":list", None),
        ("posts:list/1/2", None),
        ("a/b/c/d/e", None),
    ],
)
def test_a_path_names_a_target(path, target):
    assert parse(path) == target


@pytest.mark.parametrize(
    ("path", "method", "action"),
    [
        ("posts", "GET", "list"),
        ("posts", "HEAD", "list"),
        ("posts", "POST", "create"),
        ("posts", "DELETE", "destroy"),
        ("posts", "PUT", None),
        ("posts/1", "GET", "get"),
        ("posts/1", "PUT", "update"),
        ("posts/1", "PATCH", "update"),
        ("posts/1", "DELETE", "destroy"),
        ("posts/1", "POST", None),
        ("posts/1/tags", "GET", "list"),
        ("posts/1/tags", "POST", "create"),
        ("posts/1/tags/2", "POST", "create"),
        ("posts/1/tags/2", "PATCH", "update"),
        ("posts:destroy", "GET", "destroy"),
    ],
)
def test_the_method_says_what_the_path_does_not(path, method, action):
    assert parse(path).action_for(method) == action
