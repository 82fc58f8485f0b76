"""POST a body of 1 MiB and get its length and checksum back.

Runs with the toolkit or on its own: ``locust -f loadtests/upload.py --host http://127.0.0.1:8000``.
"""

from common.payloads import upload

from toolkit.client import Parameters, SocketUser

PARAMETERS = {"size": "1MiB"}


class UploadUser(SocketUser):
    """A client that sends the body again as soon as it has the answer (closed loop)."""

    tasks = [upload(Parameters(PARAMETERS).bytes("size"))]
