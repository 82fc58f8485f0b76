# tiangolo's images, and FastAPI's page on containers: the full python image, one stage, root. The official full
# image is larger than its stand-in here.
FROM toolkit-images-full:bench
WORKDIR /code
COPY requirements.txt /code/requirements.txt
RUN pip install --no-cache-dir --upgrade -r /code/requirements.txt
COPY ./app /code/app
COPY ./shared /code/shared
ENV PYTHONPATH=/code/app:/code/shared
CMD ["gunicorn", "--bind", "0.0.0.0:8000", "--workers", "1", "wsgi:app"]
