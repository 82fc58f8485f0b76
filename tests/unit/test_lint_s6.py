"""Services of s6-overlay: which containers have some, and how long they may take to stop."""

import math

import pytest

from toolkit.lint.facts import Deployment, Unit
from toolkit.lint.gather import gather
from toolkit.reading import Files

RUN = "#!/command/with-contenv bash\nexec gunicorn --bind 0.0.0.0:8000 app:app\n"
DOCKERFILE = "FROM {base}\nCOPY root/ /\n{more}\n"
OLD, NEW = "root/etc/services.d/web/run", "root/etc/s6-overlay/s6-rc.d/web/run"
INIT = 'ENTRYPOINT ["/init"]'


def deployment(
    *, run: str = OLD, base: str = "python:3.13-slim", more: str = INIT, **files: str
) -> Deployment:
    dockerfile = DOCKERFILE.format(base=base, more=more)
    return gather(Files.of_texts({"Dockerfile": dockerfile, run: RUN, **files}))


def unit(**changes: str) -> Unit:
    (found,) = deployment(**changes).units
    return found


@pytest.mark.parametrize("run", [OLD, NEW])
def test_a_container_serves_what_its_services_start(run: str) -> None:
    found = unit(run=run)
    assert found.name == "Dockerfile (web)"
    assert found.server is not None
    assert found.command is not None
    assert (str(found.command.where), found.command.shell) == (f"{run}:2", False)


def test_an_image_may_bring_the_init_itself() -> None:
    assert unit(base="lscr.io/linuxserver/baseimage-alpine:3.22", more="").server is not None


@pytest.mark.parametrize(
    "more",
    ['CMD ["gunicorn", "app:app"]', f'{INIT}\nCMD ["gunicorn", "app:app"]'],
)
def test_what_a_container_is_told_to_start_is_what_it_starts(more: str) -> None:
    assert unit(more=more).name == "Dockerfile"


def test_another_entry_point_runs_no_services() -> None:
    assert [item.server for item in deployment(more='ENTRYPOINT ["/app"]').units] in ([], [None])


@pytest.mark.parametrize(
    ("run", "more", "seconds"),
    [
        (OLD, "", 6.0),
        (OLD, "ENV S6_SERVICES_GRACETIME=20000", 23.0),
        (OLD, "ENV S6_SERVICES_GRACETIME=1000 S6_KILL_GRACETIME=500", 1.5),
        (OLD, "ENV S6_SERVICES_GRACETIME=$X", 6.0),
        (NEW, "", math.inf),
    ],
)
def test_two_times_follow_each_other_but_for_what_is_waited_for_in_any_case(
    run: str, more: str, seconds: float
) -> None:
    grace = unit(run=run, more=f"{more}\n{INIT}").container.grace
    assert grace is not None
    assert grace.value == seconds


@pytest.mark.parametrize("run", [OLD, NEW])
def test_whoever_stops_the_container_ends_both(run: str) -> None:
    compose = "services:\n  web:\n    build: .\n    stop_grace_period: 4s\n"
    container = unit(run=run, **{"compose.yaml": compose}).container
    assert container.grace is not None
    assert (container.grace.value, container.grace_setting) == (4.0, "")


def test_a_service_says_with_which_signal_it_is_stopped() -> None:
    signal = unit(**{"root/etc/services.d/web/down-signal": "SIGINT\n"}).container.stop_signal
    assert signal is not None
    assert (signal.value, str(signal.where)) == ("SIGINT", "root/etc/services.d/web/down-signal:1")


def test_a_script_in_another_language_is_no_server() -> None:
    run = "#!/command/execlineb -P\ngunicorn app:app\n"
    assert deployment(**{OLD: run}).units == ()
