"""The routes, by what they need."""
