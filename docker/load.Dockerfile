# What makes load on another host: Locust as a worker, with the toolkit's client. See docs/targets.md.
#
# Kept to what Docker's classic builder knows, like docker/Dockerfile, where the steps are explained.

# python:3.13-slim, or what scripts/base-image builds where no registry is reached.
ARG BASE_IMAGE=python:3.13-slim


FROM ${BASE_IMAGE} AS build

ARG PIP_INDEX_URL=

WORKDIR /build

COPY docker/ca/ ca/
COPY docker/load/requirements.txt ./

RUN if [ -s ca/bundle.crt ]; then export PIP_CERT=/build/ca/bundle.crt; fi \
    && python3 -m venv /opt/venv \
    && /opt/venv/bin/pip install --no-cache-dir --disable-pip-version-check \
        --require-hashes --only-binary :all: -r requirements.txt \
    && /opt/venv/bin/pip uninstall --yes --quiet pip

COPY src/ /opt/src/

RUN chmod -R a+rX /opt/src && /opt/venv/bin/python -m compileall -q /opt/src


FROM ${BASE_IMAGE}

RUN groupadd --gid 10001 load \
    && useradd --uid 10001 --gid load --no-log-init --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin load

COPY --from=build /opt/venv /opt/venv
COPY --from=build /opt/src /opt/src

ARG BASE_IMAGE

LABEL org.opencontainers.image.title="load" \
      org.opencontainers.image.description="A Locust worker with the client of flask-production-toolkit" \
      org.opencontainers.image.licenses="BSD-3-Clause" \
      org.opencontainers.image.base.name="${BASE_IMAGE}"

ENV PYTHONPATH=/opt/src \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1

USER 10001:10001

# Where the master is, and for whom it works, is said when it is started.
ENTRYPOINT ["/opt/venv/bin/python", "-m", "toolkit.load.remote"]
