"""Views, by what they need."""
