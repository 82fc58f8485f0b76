"""Servers that somebody else started: whom one may load, and what is told of them."""

import csv
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
from rich.console import Console

from toolkit.cli import main
from toolkit.cli.targets import as_they_stand
from toolkit.compare import tables
from toolkit.config import AppConfig, BenchConfig, Config
from toolkit.deployment.evidence import evidence_of
from toolkit.errors import ConfigError, StackError
from toolkit.measured import Measurement, Outcome, Run, RuntimeFacts, StackFacts
from toolkit.model import Placement
from toolkit.report.browser.document import Library
from toolkit.report.browser.page import page
from toolkit.report.browser.site import site
from toolkit.report.run_json import document, schema
from toolkit.report.run_markdown import markdown
from toolkit.report.run_rows import as_csv
from toolkit.report.terminal import show
from toolkit.runtime.targets import Targets, is_loopback
from toolkit.store import dumps, loads

NEAR, FAR = "http://127.0.0.1:8000", "https://192.0.2.7"
CONFIG = Config(app=AppConfig(get=("/",)))
CAPPED = replace(CONFIG, bench=BenchConfig(most_rate=50.0))


def as_theirs(run: Run) -> Run:
    """Give a run as if somebody else had started its servers."""

    def unknown(item: Outcome) -> Outcome:
        if not isinstance(item, Measurement):
            return item
        phases = tuple(replace(phase, server=None) for phase in item.phases)
        return replace(item, phases=phases, start_seconds=None, stop_seconds=None, stop_timed=False)

    stacks = dict.fromkeys(trial.stack for trial in run.trials)
    facts = tuple(
        StackFacts(
            id=stack,
            summary=f"http://{stack}",
            keep_alive=False,
            argv=(),
            settings={},
            python="",
            packages={},
        )
        for stack in stacks
    )
    runtime = RuntimeFacts(
        name="target", reason="--target", network="loopback", memory_kind="not known", ours=False
    )
    return replace(
        run,
        runtime=runtime,
        placement=Placement(server_cpus=(), client_cpus=(1,), cpus=0.0, memory=0),
        stacks=facts,
        outcomes=tuple(map(unknown, run.outcomes)),
        load=replace(run.load, most_rate=5000.0),
    )


@pytest.fixture
def theirs(ten_rounds: Run) -> Run:
    return as_theirs(ten_rounds)


# whom one may load


def test_a_server_on_this_machine_needs_no_consent() -> None:
    benched = as_they_stand(CONFIG, [NEAR, "http://localhost:8000/"], mine=False)
    assert [stack.id for stack in benched.stacks] == [
        "127-0-0-1-8000/as-it-stands",
        "localhost-8000/as-it-stands",
    ]
    assert [*benched.targets.values()] == [NEAR, "http://localhost:8000"]


@pytest.mark.parametrize(
    ("config", "mine", "missing"),
    [
        (CONFIG, False, "--yes-this-is-mine --most-rate REQ/S"),
        (CONFIG, True, "--most-rate REQ/S"),
        (CAPPED, False, "--yes-this-is-mine"),
    ],
)
def test_a_server_elsewhere_is_not_loaded_by_mistake(
    config: Config, missing: str, *, mine: bool
) -> None:
    with pytest.raises(ConfigError, match="is not on this machine") as caught:
        as_they_stand(config, [NEAR, FAR], mine=mine)
    assert caught.value.hint.endswith(f": {missing}.")


def test_a_server_elsewhere_is_loaded_by_whom_it_belongs_to() -> None:
    benched = as_they_stand(CAPPED, [FAR], mine=True)
    assert benched.targets == {"192-0-2-7/as-it-stands": FAR}


def test_a_name_without_an_address_is_nobody_on_this_machine() -> None:
    assert not is_loopback("http://nothing.invalid")
    assert is_loopback("http://[::1]:8000")


def test_who_may_not_be_exceeded_is_not_overloaded() -> None:
    assert max(CAPPED.bench.load.rates) <= 1
    assert CAPPED.bench.load.most_rate == 50
    assert CAPPED.bench.load.most_users == CAPPED.bench.load.connections == 100
    assert max(CONFIG.bench.load.rates) > 1
    assert CONFIG.bench.load.most_rate is None


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--target", "127.0.0.1:8000", "--get", "/"], "is no URL"),
        (["--target", "ftp://127.0.0.1", "--get", "/"], "is no URL"),
        (["--target", "http://127.0.0.1:99999", "--get", "/"], "is no URL"),
        (["--target", f"{NEAR}/items", "--get", "/"], "has a path"),
        (["--target", "http://me:secret@127.0.0.1", "--get", "/"], "takes no user and password"),
        (["--target", NEAR], "what is requested is not said"),
        (["--target", NEAR, "--target", "https://127.0.0.1:8000", "--get", "/"], "would both be"),
        (["shop:app", "--target", NEAR, "--get", "/"], "APP does not go with --target"),
        (["--target", NEAR, "--get", "/", "--image", "shop"], "--image does not go with"),
        (["--target", NEAR, "--get", "/", "--stacks", "flask/*"], "--stacks does not go with"),
        (["--target", NEAR, "--get", "/", "--workers", "2"], "--workers does not go with"),
        (["--target", NEAR, "--get", "/", "--cpus", "2"], "--cpus does not go with"),
        (["--target", FAR, "--get", "/"], "is not on this machine"),
    ],
)
def test_what_cannot_be_a_target_is_bad_input(
    arguments: list[str],
    said: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as end:
        main(["bench", *arguments, "--dry-run"])
    assert end.value.code == 2
    assert said in capsys.readouterr().err
    assert "secret" not in capsys.readouterr().err


def test_nothing_is_started_or_run_at_a_target() -> None:
    (stack,) = as_they_stand(CONFIG, [NEAR], mine=False).stacks
    targets = Targets({stack.id: NEAR})
    with targets.serve(stack, {"SECRET": "x"}) as served:
        assert (served.url, served.usage(), served.stop()) == (NEAR, None, None)
    with pytest.raises(StackError, match="cannot be run at"):
        targets.run_once(stack, ("flask", "db", "upgrade"), {})


# what is told of them


def shown(run: Run) -> str:
    out = io.StringIO()
    show(run, Console(file=out, width=140, highlight=False))
    return out.getvalue()


def test_what_nobody_knows_is_not_told(theirs: Run) -> None:
    for whole in (shown(theirs), markdown(theirs)):
        text = " ".join(whole.split())
        assert "Cost at capacity" not in text
        assert "SIGTERM" not in text
        assert "Server settings" not in text
        assert "The toolkit did not start the servers" in text
        assert "Never more than 5,000 requests/s" in text
        assert "http://a/x" in text
    html = page(theirs, Library(text="0"))
    assert "Cost at capacity" not in html
    assert "servers as they stand, whose limits are not known" in html
    assert "servers as they stand" in site([theirs], "", {})["index.html"]


def test_what_is_known_is_told_as_ever(theirs: Run, ten_rounds: Run) -> None:
    def judged(run: Run) -> Sequence[object]:
        (table,) = tables(run)
        return [
            (row.stack, row.rank, row.throughput, row.ratio, row.at_rates) for row in table.rows
        ]

    assert judged(theirs) == judged(ten_rounds)


def test_numbers_that_are_not_known_are_null_or_have_no_row(theirs: Run) -> None:
    read = json.loads(document(theirs))
    jsonschema.Draft202012Validator(schema()).validate(read)
    for row in read["workloads"][0]["rows"]:
        assert row["throughput"] is not None
        for name in ("cpu_per_request", "memory_peak", "threads", "start_seconds", "stop_seconds"):
            assert row[name] is None
    metrics = {row["metric"] for row in csv.DictReader(io.StringIO(as_csv(theirs)))}
    assert "throughput" in metrics
    assert not metrics & {"memory", "cpu per request", "start", "stop", "threads"}


def test_such_a_run_is_stored_and_read(theirs: Run) -> None:
    assert loads(dumps(theirs), "run.json") == theirs


def test_nothing_is_deployed_of_what_nobody_knows(theirs: Run) -> None:
    with pytest.raises(ConfigError, match="did not start"):
        evidence_of(theirs, None)


def test_somebody_elses_use_is_not_made_up(
    make_measurement: Callable[..., Measurement], make_run: Callable[..., Run]
) -> None:
    (phase,) = make_measurement().phases
    unknown = replace(phase, server=None)
    assert unknown.cpu_per_request is None
    with pytest.raises(ValueError, match="not known"):
        _ = unknown.use
