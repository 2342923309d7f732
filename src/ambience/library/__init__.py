"""A library of images as one object, used by commands, the gateway and scripts."""
