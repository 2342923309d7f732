"""Fetches images from the public internet, and only from there."""
