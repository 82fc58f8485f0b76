"""A user's own app, read from its folder."""
