"""Choose, ship and keep a fast production set-up for Flask."""

__version__ = "0.1.0"
