"""What an image is made of and starts, from the Dockerfile that makes it."""
