"""Schedules: when each fires next (`keeping`), what the clock fires (`firing`, `rows`), what saves add (`saves`)."""
