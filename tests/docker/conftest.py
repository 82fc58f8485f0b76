"""The real engine. Without one these tests are skipped, but fail where CI says it must be there."""

import os
from collections.abc import Iterator

import pytest

from toolkit.errors import EnvironmentFault
from toolkit.runtime.engine import Engine


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    try:
        found = Engine.connect()
    except EnvironmentFault as fault:
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI must have a Docker engine: {fault}")
        pytest.skip(f"no Docker engine: {fault}")
    yield found
    found.close()
