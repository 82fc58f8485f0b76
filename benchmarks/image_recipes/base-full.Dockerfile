# In place of python:3.13, which has more than this.
FROM toolkit-images-slim:bench
RUN apt-get update && apt-get install -y --no-install-recommends \
    build-essential python3-dev libpq-dev libssl-dev libffi-dev zlib1g-dev git curl \
    && rm -rf /var/lib/apt/lists/*
