# The upstream that answers after the time it is told to: see src/toolkit/delaying.py.
ARG BASE_IMAGE=python:3.13-slim

FROM ${BASE_IMAGE}

COPY src/toolkit/delaying.py /srv/

RUN chmod a+rX /srv /srv/delaying.py

ENV PYTHONDONTWRITEBYTECODE=1

USER 10001:10001

STOPSIGNAL SIGTERM

CMD ["python", "-I", "/srv/delaying.py", "0.0.0.0", "8000"]
