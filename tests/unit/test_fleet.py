"""Load on other hosts: where they find this machine, and what becomes of them."""

import io
import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from tests.unit.test_targets import as_theirs, shown
from toolkit.catalog import root
from toolkit.errors import ConfigError, EnvironmentFault, LoadError
from toolkit.load.fleet import DockerFleet, _Host, own_address
from toolkit.measured import LoadHost, Run
from toolkit.runtime.guardian import read_charges
from toolkit.stats import paired_ratio
from toolkit.store import dumps, loads

FACTS = LoadHost(name="load-1", engine="28.0 on Debian", cpus=8, workers=4)


def engine(address: str, *, shared: bool = False) -> Any:  # noqa: ANN401 - a stand-in
    return SimpleNamespace(address=address, shares_host_network=shared)


def test_an_engine_of_this_machine_finds_it_on_loopback() -> None:
    assert own_address(engine("unix:///var/run/docker.sock", shared=True)) == "127.0.0.1"


def test_another_finds_it_at_the_address_on_the_way_there() -> None:
    assert own_address(engine("tcp://127.0.0.1:2375")) == "127.0.0.1"
    assert own_address(engine("ssh://ops@127.0.0.1:22")) == "127.0.0.1"


@pytest.mark.parametrize(
    ("address", "said"),
    [("unix:///elsewhere.sock", "by no network"), ("ssh://nothing.invalid", "no way to")],
)
def test_where_there_is_no_way_it_has_to_be_said(address: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        own_address(engine(address))
    assert "--load-address" in caught.value.hint


def test_a_host_that_is_gone_is_missed_and_not_asked_all_the_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []
    now = SimpleNamespace(value=100.0)
    monkeypatch.setattr("toolkit.load.fleet.time.monotonic", lambda: now.value)

    def host(name: str, *, there: bool = True) -> _Host:
        def require() -> None:
            asked.append(name)
            if not there:
                raise EnvironmentFault("no answer")

        facts = replace(FACTS, name=name)
        return _Host(facts=facts, engine=SimpleNamespace(require=require), image="")  # type: ignore[arg-type]

    fleet = DockerFleet([host("load-1"), host("load-2")], "192.0.2.1", "run")
    assert fleet.size == 8
    for step in (0.0, 0.5, 1.0, 3.0):
        now.value = 100.0 + step
        fleet.miss_nobody()
    assert asked == ["load-1", "load-2"] * 2
    lost = DockerFleet([host("load-1"), host("load-2", there=False)], "192.0.2.1", "run")
    with pytest.raises(LoadError, match="load host load-2 is gone: no answer"):
        lost.miss_nobody()


def test_the_guardian_is_told_on_which_engine() -> None:
    lines = io.StringIO("containers r1\ncontainers r1 ssh://a\n-containers r1\n")
    assert read_charges(lines) == ["containers r1 ssh://a"]


def test_the_page_says_what_two_hosts_measure_where_one_does() -> None:
    rounds = json.loads((root() / "results/reference/load_hosts.json").read_text())["rounds"]
    page = (root() / "docs/targets.md").read_text(encoding="utf-8")
    assert f"In {len(rounds)}\nrounds" in page
    cells = []
    for metric in ("capacity", "p50", "p99"):
        ratio = paired_ratio([r["two"][metric] for r in rounds], [r["one"][metric] for r in rounds])
        assert ratio.low is not None
        assert ratio.high is not None
        assert ratio.low < 1 < ratio.high
        cells.append(f"{ratio.value:.3f} [{ratio.low:.3f}, {ratio.high:.3f}]")
    assert f"| {' | '.join(cells)} |" in page


def test_a_run_says_where_its_load_was_made(ten_rounds: Run) -> None:
    run = replace(as_theirs(ten_rounds), load_hosts=(FACTS,))
    assert loads(dumps(run), "run.json") == run
    text = " ".join(shown(run).split())
    assert "load made on load-1" in text
    assert "load-1 4 load processes on 8 CPUs; 28.0 on Debian" in text
