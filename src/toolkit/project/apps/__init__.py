"""Which object of a project is its app, and what it answers, from its source."""
