# `docker init` for Python: slim, one stage, a user, no bytecode. Its cache mount of pip needs BuildKit, which
# is not here: it leaves nothing in the image either way.
FROM toolkit-images-slim:bench AS base
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
WORKDIR /app
RUN useradd --home-dir /nonexistent --shell /sbin/nologin --no-create-home --uid 10001 appuser
COPY requirements.txt .
RUN python -m pip install --no-cache-dir -r requirements.txt
USER appuser
COPY . .
ENV PYTHONPATH=/app/app:/app/shared
EXPOSE 8000
CMD gunicorn 'wsgi:app' --bind=0.0.0.0:8000
