"""Requests that set workflows off (spec 4.3-4.5): `core` decides, without a word of HTTP; the rest are its faces."""
