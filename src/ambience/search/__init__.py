"""Asks many services one question and merges what they answer."""
