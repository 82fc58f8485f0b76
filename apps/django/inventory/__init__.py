"""The app: assets, and what else a reference app answers."""
