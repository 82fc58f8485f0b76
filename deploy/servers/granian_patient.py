"""The command ``granian`` with connections that may be idle for more than a minute.

Granian has one timeout for idle connections and for request headers, and its command takes no more
than 60 s for it: as long as common load balancers keep a connection, so that both close it at once.
"""

from click import IntRange
from granian.cli import cli, entrypoint

if __name__ == "__main__":
    for parameter in cli.params:
        if parameter.name == "http1_header_read_timeout":
            parameter.type = IntRange(1)
    entrypoint()
