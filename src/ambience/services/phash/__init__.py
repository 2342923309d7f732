"""Finds the same picture after recompression, resizing, small edits and turning."""
