"""Indexes many local descriptors per image."""
