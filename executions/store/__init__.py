"""The engine's one door to the database: `claims` says what is due, `journal` writes what was done."""
