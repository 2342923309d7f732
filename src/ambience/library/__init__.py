"""A library of images as one object, which commands, gateway and scripts stand on."""
