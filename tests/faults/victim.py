"""A worker process that something happens to: `python -m tests.faults.victim --side before --commit 2`.

It drains and performs like a worker's slot until no run is left to end, or its time is over. With --commit it kills
itself (SIGKILL) right before or right after the n-th commit of its engine connection; exit code 0: there were fewer
commits than that. Without, whatever the nodes do happens to it. --freed-after shortens the bound of its transactions,
in seconds.
"""

import argparse
import os
import signal
import sys
import time


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--side", choices=["before", "after"], default="before")
    parser.add_argument("--commit", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--each-move", action="store_true", help="a segment, and so a commit, for each move")
    parser.add_argument("--freed-after", type=int)
    arguments = parser.parse_args()
    # What a node kind of the tests does to a victim, and to nobody else.
    os.environ["SLUICE_VICTIM"] = "1"
    import django

    django.setup()
    from tests.faults import kinds

    kinds.register()
    # Its commits are those of the tree, on a slow machine too; or one for each move.
    commit_every(0 if arguments.each_move else 60)
    if arguments.commit:
        die_at(arguments.side, arguments.commit)
    if arguments.freed_after:
        free_after(arguments.freed_after)
    work(arguments.seconds)
    return 0


def die_at(side: str, number: int) -> None:
    from django.db import connection

    commits = 0
    commit = connection.commit

    def counted() -> None:
        nonlocal commits
        commits += 1
        if commits == number and side == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        commit()
        if commits == number and side == "after":
            os.kill(os.getpid(), signal.SIGKILL)

    connection.commit = counted  # type: ignore[method-assign]


def commit_every(seconds: float) -> None:
    from executions import segments

    segments.ALONE_SECONDS = segments.HOST_SECONDS = segments.SQLITE_SECONDS = seconds


def free_after(seconds: int) -> None:
    from executions.store import session

    session.FREED_AFTER = seconds
    session._MYSQL_BOUNDS = {
        server: tuple((name, seconds * (value // 30)) for name, value in bounds)
        for server, bounds in session._MYSQL_BOUNDS.items()
    }


def work(seconds: float) -> None:
    from executions import segments
    from executions.drain import drain
    from executions.models import Execution
    from executions.performers import perform

    segments.CRASH_DELAYS = (0.05, 0.05, 0.05)
    until = time.monotonic() + seconds
    while Execution.objects.filter(ended_at=None).exists() and time.monotonic() < until:
        drain("sluice")
        perform("sluice")
        time.sleep(0.02)


if __name__ == "__main__":
    sys.exit(main())
