"""The floor: the same rows, columns and indexes written with psycopg in batches of 100, by one process."""

import time
from typing import Any

from benchmarks.ground import DATABASE_URL

BATCH = 100


def measure(runs: list[dict[str, Any]], jobs: list[list[dict[str, Any]]]) -> float:
    """Runs/s of: insert the queued executions, then per batch insert their jobs and update them to their end.

    `runs` are rows as the engine left them, `jobs` the rows of each one's jobs; both as dicts by column, ids left
    out. Jobs
    are inserted by COPY and executions updated from one JSON parameter, as the journal does: nothing quicker was found.
    """
    import psycopg

    with psycopg.connect(DATABASE_URL) as connection:
        begin = time.perf_counter()
        ids: list[int] = []
        for start in range(0, len(runs), BATCH):
            ids += _insert_queued(connection, runs[start : start + BATCH])
            connection.commit()
        for start in range(0, len(runs), BATCH):
            chunk = ids[start : start + BATCH]
            _insert_jobs(connection, chunk, jobs[start : start + BATCH])
            _end(connection, chunk, runs[start : start + BATCH])
            connection.commit()
        return len(runs) / (time.perf_counter() - begin)


_AT_THE_END = ("status", "reason", "error", "due_at", "turn", "agenda", "solo", "parked",
                 "paused_at", "crashes", "started_at",
               "expires_at", "ended_at", "updated_at", "output")  # fmt: skip


def _insert_queued(connection: Any, runs: list[dict[str, Any]]) -> list[int]:
    columns = list(runs[0])
    before = {
        "status": None,
        "due_at": runs[0]["created_at"],
        "turn": 0,
        "started_at": None,
        "ended_at": None,
        "output": None,
    }
    marks = "(" + ", ".join(["%s"] * len(columns)) + ")"
    names = ", ".join(f'"{name}"' for name in columns)
    values = [before.get(name, run[name]) for run in runs for name in columns]
    text = f"INSERT INTO executions_execution ({names}) VALUES {', '.join([marks] * len(runs))} RETURNING id"
    return [row[0] for row in connection.execute(text, values).fetchall()]


def _insert_jobs(connection: Any, ids: list[int], jobs: list[list[dict[str, Any]]]) -> None:
    columns = list(jobs[0][0])
    names = ", ".join(f'"{name}"' for name in columns)
    with connection.cursor().copy(f"COPY executions_job (execution_id, {names}) FROM STDIN") as copy:
        for pk, rows in zip(ids, jobs, strict=True):
            for row in rows:
                copy.write_row((pk, *row.values()))


def _end(connection: Any, ids: list[int], runs: list[dict[str, Any]]) -> None:
    import json

    types = {
        "status": "smallint",
        "turn": "int",
        "agenda": "jsonb",
        "output": "jsonb",
        "solo": "bool",
        "crashes": "smallint",
    }
    record = ", ".join(
        f'"{name}" {types.get(name, "timestamptz" if name.endswith("_at") else "text")}' for name in _AT_THE_END
    )
    sets = ", ".join(f'"{name}" = v."{name}"' for name in _AT_THE_END)
    rows = [
        {
            "id": pk,
            **{name: json.loads(run[name]) if name == "output" and run[name] else run[name] for name in _AT_THE_END},
        }
        for pk, run in zip(ids, runs, strict=True)
    ]
    connection.execute(
        f"UPDATE executions_execution SET {sets} FROM json_to_recordset(%s) AS v(id bigint, {record})"
        " WHERE executions_execution.id = v.id",
        [json.dumps(rows, default=str)],
    )
