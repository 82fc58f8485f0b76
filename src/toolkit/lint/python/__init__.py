"""What the source of an app says of proxies, pools and health views."""
