"""The Celery tasks: five-line callers. A message says only that there is work on a queue; the database says which."""

from celery import shared_task

# time_limit=0 is "none"; None would take the host's, and a drain that is killed half-way is work done twice.


@shared_task(name="sluice.drain", acks_late=True, time_limit=0, soft_time_limit=0, ignore_result=True)
def drain(queue: str) -> None:
    """Runs what is due on this queue."""
    from executions.drain import drain as work

    work(queue)


@shared_task(name="sluice.perform", acks_late=True, time_limit=0, soft_time_limit=0, ignore_result=True)
def perform(queue: str) -> None:
    """Performs what runs of this queue ask of the world."""
    from executions.performers import perform as work

    work(queue)


@shared_task(name="sluice.bulk", acks_late=True, time_limit=0, soft_time_limit=0, ignore_result=True)
def bulk(queue: str) -> None:
    """Takes on the bulk operation that is due first."""
    from executions.bulk import work

    work(queue)
