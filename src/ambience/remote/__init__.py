"""A service that runs in another process, reached over HTTP."""
