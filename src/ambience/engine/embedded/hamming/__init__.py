"""Finds the nearest rows of bits."""
