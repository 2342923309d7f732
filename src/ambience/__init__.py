"""Self-hosted image retrieval: drop in an image, get the originals back with proof."""

__version__ = "0.1.0"
