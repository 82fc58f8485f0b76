"""A locustfile is asked for its shape, in a process of its own."""

from pathlib import Path

import pytest

from toolkit.errors import ConfigError
from toolkit.load.shape import shape_of
from toolkit.model import Workload

HEAD = """
from locust import HttpUser, LoadTestShape, task
print("loaded")


class Reader(HttpUser):
    @task
    def read(self):
        self.client.get("/")

"""


def asked(folder: Path, text: str, **parameters: str) -> tuple[int, ...]:
    path = folder / "load.py"
    path.write_text(text)
    return shape_of(Workload(name="load", summary="", path=path, parameters=parameters))


def test_a_shape_by_its_clock_and_its_users(tmp_path: Path) -> None:
    found = asked(
        tmp_path,
        HEAD
        + """
class Steps(LoadTestShape):
    stages = [(2, 10, 5), (4, 20, 10), (5, 2, 100)]

    def tick(self):
        for end, users, rate in self.stages:
            if self.get_run_time() < end:
                assert self.get_current_user_count() <= 20
                return users, rate
        return None
""",
    )
    assert found == (5, 10, 20, 20, 2)


def test_what_a_shape_imports_and_what_it_is_told_is_there(tmp_path: Path) -> None:
    (tmp_path / "shapes.py").write_text(
        "from locust import LoadTestShape\n"
        "class Flat(LoadTestShape):\n"
        "    seconds = 3\n"
        "    def tick(self):\n"
        "        return (7, 100) if self.get_run_time() < self.seconds else None\n"
    )
    text = (
        HEAD + "from shapes import Flat\nfrom toolkit.parameters import Parameters\n"
        'PARAMETERS = {"seconds": "3"}\n'
        "Flat.seconds = Parameters(PARAMETERS).count('seconds')\n"
    )
    assert asked(tmp_path, text, seconds="2") == (7, 7)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "it has no LoadTestShape"),
        (
            "class S(LoadTestShape):\n    def tick(self):\n        return 1 / 0\n",
            "ZeroDivisionError: division by zero",
        ),
        (
            "class S(LoadTestShape):\n    def tick(self):\n        return 1, 1, [Reader]\n",
            "classes of users",
        ),
        ("import nothing_of_this_name\n", "cannot be loaded: ModuleNotFoundError"),
    ],
)
def test_what_cannot_be_played_is_said_in_one_line(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why) as caught:
        asked(tmp_path, HEAD + text)
    assert "\n" not in str(caught.value)
