# cookiecutter-flask and many others: slim with apt's compiler for packages that may need it, one stage, a user,
# started by a script.
FROM toolkit-images-slim:bench
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
RUN apt-get update && apt-get install -y --no-install-recommends build-essential libpq-dev python3-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /app
RUN useradd -m sid
COPY requirements.txt .
RUN pip install --no-cache -r requirements.txt
COPY . .
RUN chown -R sid:sid /app
USER sid
ENV PYTHONPATH=/app/app:/app/shared
RUN printf '#!/bin/sh\nexec gunicorn --bind 0.0.0.0:8000 wsgi:app\n' > /app/start.sh && chmod +x /app/start.sh
ENTRYPOINT ["/bin/sh", "/app/start.sh"]
