"""Keeps features in files and finds the nearest in memory, all in this process."""
