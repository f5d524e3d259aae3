"""A worker process that dies at a chosen commit: `python -m tests.faults.victim --side before --commit 2`.

It drains and performs like a worker's slot until nothing is due, and kills itself (SIGKILL) right before or right after the
n-th commit of its engine connection. Exit code 0: there were fewer commits than that.
"""

import argparse
import os
import signal
import sys
import time


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--side", choices=["before", "after"], required=True)
    parser.add_argument("--commit", type=int, required=True)
    parser.add_argument("--seconds", type=float, default=10)
    arguments = parser.parse_args()
    import django

    django.setup()
    from django.db import connection

    commits = 0
    commit = connection.commit

    def counted() -> None:
        nonlocal commits
        commits += 1
        if commits == arguments.commit and arguments.side == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        commit()
        if commits == arguments.commit and arguments.side == "after":
            os.kill(os.getpid(), signal.SIGKILL)

    connection.commit = counted  # type: ignore[method-assign]
    from executions.drain import drain
    from executions.models import Execution
    from executions.performers import perform

    until = time.monotonic() + arguments.seconds
    while Execution.objects.filter(ended_at=None).exists() and time.monotonic() < until:
        drain("sluice")
        perform("sluice")
        time.sleep(0.02)
    return 0


if __name__ == "__main__":
    sys.exit(main())
