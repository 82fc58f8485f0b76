"""The views, a blueprint per module."""
