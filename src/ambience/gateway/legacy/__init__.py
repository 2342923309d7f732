"""The routes of the original system."""
