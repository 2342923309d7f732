"""Indexes vectors: short codes find candidates, exact distances rank them."""
