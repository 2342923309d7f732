"""Finds the nearest vectors: candidates by short codes, then the exact distances."""
