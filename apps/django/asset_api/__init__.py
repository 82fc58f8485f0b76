"""The project: settings, root of the URLs, what a WSGI server imports."""
