"""Make load with Locust, in a process of its own: ``engine`` drives it, ``inside`` runs in it."""
