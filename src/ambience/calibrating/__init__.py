"""Learns what the distances of each service are worth, from edited copies."""
