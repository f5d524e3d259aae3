"""A process whose clock ticks: `python -m tests.faults.ticker --seconds 6`; with --commit it dies at the n-th fire's.

It ticks as a worker's main process does, but without the guard that lets one of them work: clocks side by side race at
every tick. With --commit it kills itself (SIGKILL) right before or right after that commit. --skew moves this
host's own clock, as Django reads it, by so many seconds back and forth.
"""

import argparse
import sys
import time
from pathlib import Path


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--side", choices=["before", "after"], default="before")
    parser.add_argument("--commit", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--every", type=float, default=0.05)
    parser.add_argument("--skew", type=float, default=0)
    parser.add_argument("--ready", help="a file to make before the first tick")
    arguments = parser.parse_args()
    import django

    django.setup()
    from executions import clock
    from executions.schedules import firing
    from tests.faults.victim import die_at

    if arguments.skew:
        skew(arguments.skew)
    if arguments.commit:
        # The tick itself reads outside a transaction.
        die_at(arguments.side, arguments.commit)
        firing.SECONDS = 60.0
    clock.tick()
    if arguments.ready:
        Path(arguments.ready).touch()
    until = time.monotonic() + arguments.seconds
    while time.monotonic() < until:
        clock.tick()
        time.sleep(arguments.every)
    return 0


def skew(seconds: float) -> None:
    """Back and forth, at every look."""
    from datetime import datetime, timedelta

    from django.utils import timezone

    plain, looks = timezone.now, [0]

    def now() -> datetime:
        looks[0] += 1
        return plain() + timedelta(seconds=seconds if looks[0] % 2 else -seconds)

    timezone.now = now


if __name__ == "__main__":
    sys.exit(main())
