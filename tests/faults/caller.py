"""A performer that dies when it has claimed a call: `python -m tests.faults.caller --side before`.

The side is that of the commit of its claim.
"""

import argparse
import os
import signal


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--side", choices=["before", "after"], required=True)
    side = parser.parse_args().side
    import django

    django.setup()
    from django.db import connection

    from executions.performers import perform_one
    from executions.store import claims
    from tests.faults import kinds

    kinds.register()
    kinds.ACTS["count"] = kinds.ACTS["give"]
    [(execution_id, job_id)] = claims.due_performs("sluice", 1)
    commit = connection.commit

    def deadly() -> None:
        if side == "after":
            commit()
        os.kill(os.getpid(), signal.SIGKILL)

    connection.commit = deadly  # type: ignore[method-assign]
    perform_one(execution_id, job_id)


if __name__ == "__main__":
    main()
