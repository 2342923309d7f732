"""HTTP for all services: the same routes, limits and errors for each."""
