"""Fetches images from the public internet, and from nowhere else."""
