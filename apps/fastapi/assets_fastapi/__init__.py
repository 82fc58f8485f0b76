"""The assets API in FastAPI."""
