"""HTTP around services: the same routes, limits and errors for every one of them."""
