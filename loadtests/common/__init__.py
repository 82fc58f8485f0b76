"""What several locustfiles share; a locustfile is what lies beside this folder."""
