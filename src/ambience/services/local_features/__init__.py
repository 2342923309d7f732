"""Finds crops, parts, turned and mirrored copies, and shows where they fit."""
