# The toolkit as an image: what makes load on another host (a Locust worker with the toolkit's client), and what leads it
# where that is a container, too. See docs/targets.md. From a checkout:
#
#   docker build -f docker/load.Dockerfile -t load .
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

COPY apps/ /opt/toolkit/apps/
COPY deploy/ /opt/toolkit/deploy/
COPY docker/ /opt/toolkit/docker/
COPY loadtests/ /opt/toolkit/loadtests/
COPY src/ /opt/toolkit/src/

RUN rm -f /opt/toolkit/docker/ca/bundle.crt \
    && chmod -R a+rX /opt/toolkit && /opt/venv/bin/python -m compileall -q /opt/toolkit/src


FROM ${BASE_IMAGE}

RUN groupadd --gid 10001 load \
    && useradd --uid 10001 --gid load --no-log-init --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin load

COPY --from=build /opt/venv /opt/venv
COPY --from=build /opt/toolkit /opt/toolkit

ARG BASE_IMAGE

LABEL org.opencontainers.image.title="load" \
      org.opencontainers.image.description="flask-production-toolkit: makes load, or leads what makes it" \
      org.opencontainers.image.licenses="BSD-3-Clause" \
      org.opencontainers.image.base.name="${BASE_IMAGE}"

ENV PYTHONPATH=/opt/toolkit/src \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1

USER 10001:10001

ENTRYPOINT ["/opt/venv/bin/python", "-m"]

# Where the master is is said when it is started.
CMD ["toolkit.load.remote"]
