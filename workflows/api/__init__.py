"""The native API over HTTP: thin callers of `versions` and `editing`."""
