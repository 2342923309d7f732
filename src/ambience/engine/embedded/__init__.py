"""The engine inside this process: features in files, indexes in memory."""
