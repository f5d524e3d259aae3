"""The native API of runs over HTTP: thin callers of `operations` and `dispatcher`."""
