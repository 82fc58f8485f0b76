# In place of python:3.13-slim. The certificates are for the way to the package index.
FROM toolkit-base:trixie-python3.13
COPY bundle.crt /bundle.crt
RUN python3 -m venv /usr/local/python
ENV PATH=/usr/local/python/bin:$PATH PIP_CERT=/bundle.crt SSL_CERT_FILE=/bundle.crt PIP_DISABLE_PIP_VERSION_CHECK=1
