# what beginners' tutorials have: all is copied, then installed, with pip's cache.
FROM toolkit-images-slim:bench
COPY . /app
WORKDIR /app
RUN pip install -r requirements.txt
ENV PYTHONPATH=/app/app:/app/shared
CMD gunicorn -b 0.0.0.0:8000 wsgi:app
