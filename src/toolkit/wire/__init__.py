"""HTTP/1.1 as a load generator speaks it, over gevent's event loop; knows nothing of Locust."""
