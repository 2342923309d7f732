"""Finds the nearest of many local descriptors an image."""
