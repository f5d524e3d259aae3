"""A worker at a bulk operation that dies: `python -m tests.faults.bulk_victim --side before --commit 2`.

It kills itself (SIGKILL) right before or right after the n-th commit, or with --run once it has dealt with so many
runs, in the middle of a chunk. Exit code 0: it came through.
"""

import argparse
import os
import signal
import sys


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--side", choices=["before", "after"], default="before")
    parser.add_argument("--commit", type=int, default=0)
    parser.add_argument("--run", type=int, default=0)
    parser.add_argument("--chunk", type=int, default=100)
    arguments = parser.parse_args()
    import django

    django.setup()
    from executions import bulk
    from tests.faults.victim import die_at

    bulk.CHUNK = arguments.chunk
    bulk.LEASE = 0.2
    # However slow the machine, a chunk ends where its runs do.
    bulk.SQLITE_SECONDS = bulk.CHUNK_SECONDS = 60.0
    if arguments.commit:
        die_at(arguments.side, arguments.commit)
    if arguments.run:
        die_at_run(arguments.run)
    bulk.work("sluice", seconds=30)
    return 0


def die_at_run(number: int) -> None:
    from executions import bulk

    operate = bulk._operate
    dealt = 0

    def counted(*arguments):
        nonlocal dealt
        refused = operate(*arguments)
        dealt += 1
        if dealt == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return refused

    bulk._operate = counted


if __name__ == "__main__":
    sys.exit(main())
