"""A service that keeps one vector an image and finds the nearest."""
