"""Learns from edited copies what the distance of each service is worth."""
