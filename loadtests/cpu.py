"""GET the checksum of 40,000 rounds of arithmetic: about 4 ms of pure Python that hold the GIL.

Runs with the toolkit or on its own: ``locust -f loadtests/cpu.py --host http://127.0.0.1:8000``.
"""

from common.payloads import burn

from toolkit.client import Parameters, SocketUser

PARAMETERS = {"rounds": "40000"}


class CpuUser(SocketUser):
    """A client that asks for the checksum again as soon as it has the answer (closed loop)."""

    tasks = [burn(Parameters(PARAMETERS).count("rounds"))]
