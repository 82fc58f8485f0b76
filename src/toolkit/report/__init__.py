"""Stored runs as something to look at; each renderer is a function of the run alone."""
