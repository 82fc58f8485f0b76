# PostgreSQL 17 from Debian packages, for sites that reach a Debian mirror but no image registry: stands in for
# postgres:17, and is told what to do in the same way (postgres-entrypoint.sh).
#
# Kept to what Docker's classic builder knows, see Dockerfile.

# What scripts/base-image builds, or any other Debian trixie.
ARG BASE_IMAGE=toolkit-base:trixie-python3.13

FROM ${BASE_IMAGE}

# Its configuration before the package, which would make a cluster that nobody uses.
RUN mkdir -p /etc/postgresql-common \
    && echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf \
    && apt-get -qq update \
    && DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes --no-install-recommends postgresql-17 >/dev/null \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/log/apt /var/log/dpkg.log

COPY docker/postgres-entrypoint.sh /usr/local/bin/

# Folders as the official image has them: what is mounted on them in memory takes their modes.
RUN chmod a+rx /usr/local/bin/postgres-entrypoint.sh \
    && install --directory --owner postgres --group postgres --mode 3777 /var/run/postgresql \
    && install --directory --owner postgres --group postgres --mode 1777 /var/lib/postgresql/data

ENV PATH=/usr/lib/postgresql/17/bin:${PATH} \
    PGDATA=/var/lib/postgresql/data

USER postgres

EXPOSE 5432

# Fast shutdown; SIGTERM would wait for the clients to go.
STOPSIGNAL SIGINT

ENTRYPOINT ["postgres-entrypoint.sh"]

CMD ["postgres"]
