"""A person who is cut off: `python -m tests.faults.approver <task> <user> before|after`.

Approves, and dies (SIGKILL) right before or right after the commit of that.
"""

import os
import sys


def main() -> None:
    task, user, side = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    import django

    django.setup()
    from django.contrib.auth import get_user_model

    from executions.inbox.approving import approve
    from tests.faults.victim import die_at

    by = get_user_model().objects.get(pk=user)
    die_at(side, 1)
    approve(task, by=by, data={"name": "changed"})


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    main()
