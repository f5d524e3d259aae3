"""`manage.py sluice_hold`."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from executions.flow import holds
from tests.building import build
from workflows.models import HistoryEntry

pytestmark = [pytest.mark.django_db, pytest.mark.once]


def said(*arguments):
    out = StringIO()
    call_command("sluice_hold", *arguments, stdout=out)
    return out.getvalue()


def test_held_listed_and_released():
    build([], title="Daily", name="Daily")
    assert said() == "Nothing is held.\n"
    assert said("--workflow", "Daily", "--reason", "A storm.") == "Held: Workflow Daily.\n"
    assert said("--queue", "slow") == "Held: Queue slow.\n"
    assert said("--all") == "Held: Everything.\n"
    first, second, third = said("--list").splitlines()
    assert first.startswith("Everything, since ")
    assert second.startswith("Queue slow, since ")
    assert third.endswith("UTC: A storm.")
    assert said("--all", "--release") == "Released: Everything.\n"
    assert said("--workflow", "Daily", "--release", "--reason", "Over") == "Released: Workflow Daily.\n"
    assert [row.target for row in holds.held()] == ["slow"]
    newest = HistoryEntry.objects.latest("id")
    assert (newest.action, newest.origin, newest.reason) == ("hold.release", "command", "Over")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--release"], "Say what"),
        (["--reason", "x"], "Say what"),
        (["--queue", ""], "A queue's name"),
        (["--workflow", "nobody"], "There is no workflow"),
        (["--all", "--release"], "It is not held"),
        (["--all", "--queue", "slow"], "not allowed with"),
    ],
)
def test_what_can_not_be_meant_is_said(arguments, sentence):
    with pytest.raises(CommandError, match=sentence):
        said(*arguments)
