"""Indexes binary rows by Hamming distance."""
