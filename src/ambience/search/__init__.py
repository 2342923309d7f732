"""Asks many services the same question and merges their answers."""
