"""A rendered deployment loses not one request while it is restarted and its workers are recycled.

The same as benchmarks/deployment_proofs.py does with all servers, briefly and with two of them.
"""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from toolkit.errors import EnvironmentFault

if TYPE_CHECKING:
    from benchmarks import deployment_proofs, deployment_stack
else:
    # scripts of the checkout, and no package that is installed
    sys.path.insert(0, str(Path(__file__).parents[2]))
    from benchmarks import deployment_proofs, deployment_stack

pytestmark = [pytest.mark.docker, pytest.mark.usefixtures("engine")]

RECYCLED = "120"
"""Requests after which a worker is replaced: a few seconds of the load."""


@pytest.fixture(scope="module")
def images() -> "deployment_stack.Images":
    try:
        deployment_stack.compose()
    except EnvironmentFault as fault:
        pytest.skip(str(fault))
    return deployment_stack.Images.found()


@pytest.fixture(scope="module", params=["flask/gunicorn-gthread", "fastapi/uvicorn"])
def deployment(
    request: pytest.FixtureRequest,
    images: "deployment_stack.Images",
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator["deployment_stack.Deployment"]:
    folder = tmp_path_factory.mktemp("deployment")
    options = ["--workers", "2", "--max-requests", RECYCLED]
    deployment_stack.render(request.param, folder, images, options)
    found = deployment_stack.Deployment(folder=folder, images=images)
    found.build()
    with found.running():
        found.settle()
        yield found


def test_workers_that_are_recycled_lose_no_request(
    deployment: "deployment_stack.Deployment",
) -> None:
    """Half of them come on kept connections, a third are POSTs, some are in flight all the time."""
    found = deployment_proofs.recycle(deployment, seconds=12.0)
    assert found.load is not None
    assert found.load.lost == {}, deployment.last_words()
    assert found.load.sent > 500
    assert found.more["workers_seen"] > 4, "no worker was replaced"


def test_a_rolling_restart_loses_no_request(deployment: "deployment_stack.Deployment") -> None:
    found = deployment_proofs.rolling(deployment)
    assert found.load is not None
    assert found.load.lost == {}, deployment.last_words()
    assert found.more["replaced"] == 2


@pytest.mark.parametrize("deployment", ["flask/gunicorn-gthread"], indirect=True)
def test_replicas_that_are_killed_together_lose_requests(
    deployment: "deployment_stack.Deployment",
) -> None:
    """Without this the tests above might not be looking."""

    def kill_all() -> None:
        ids = [one.id for one in deployment.containers()]
        subprocess.run(["docker", "restart", "--time", "0", *ids], check=True, capture_output=True)

    _, tally = deployment_proofs.loaded(deployment, kill_all)
    assert sum(tally.lost.values()) > 0
