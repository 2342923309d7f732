"""Services that keep one vector per image and find the nearest."""
