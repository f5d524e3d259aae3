"""A process of the host that saves a row and dies: `python -m tests.faults.saver --side before`.

The save is autocommitted; the process kills itself right before or right after its commit. With --side never it lives,
unless something that the save sets off kills it.
"""

import argparse
import os
import signal


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--side", choices=["before", "after", "never"], required=True)
    side = parser.parse_args().side
    import django

    django.setup()
    from django.db import connection

    from config.shop.models import Customer
    from tests.faults import kinds
    from workflows.triggers import listening

    kinds.register()
    listening.refresh(force=True)
    commit = connection.commit

    def deadly() -> None:
        if side == "after":
            commit()
        os.kill(os.getpid(), signal.SIGKILL)

    if side != "never":
        connection.commit = deadly  # type: ignore[method-assign]
    Customer.objects.create(name="Ann")


if __name__ == "__main__":
    main()
