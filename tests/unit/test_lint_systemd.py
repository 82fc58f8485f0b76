"""Units of systemd mean what systemd takes them for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.lint.facts import Container, Fact, Where
from toolkit.lint.manifests.systemd import is_unit, read
from toolkit.reading import ReadError

PATH = "deploy/web.service"


def unit(lines: str) -> Container:
    """Read a unit, whose lines begin at line 3."""
    found = read(PATH, f"[Service]\nExecStart=/bin/gunicorn app:app\n{lines}\n")
    assert found is not None
    return found


def at(line: int) -> Where:
    return Where(PATH, line)


def folders(facts: tuple[Fact[str], ...]) -> list[str]:
    return [fact.value for fact in facts]


def test_a_unit_is_known_by_its_name() -> None:
    assert is_unit("a/web@.service")
    assert not is_unit("a/web.service.ts")


def test_a_service_has_the_defaults_of_systemd() -> None:
    found = unit("")
    assert (found.name, found.where) == ("web.service", at(1))
    assert found.command == Fact(("/bin/gunicorn", "app:app"), at(2))
    assert found.grace == Fact(90.0, at(1), "systemd")
    assert found.stop_signal == Fact("SIGTERM", at(1), "systemd")
    assert found.kill_mode == Fact("control-group", at(1), "systemd")
    assert (found.memory, found.cpus, found.read_only, found.writable) == (None, None, None, ())


@pytest.mark.parametrize(
    "text",
    [
        "[D-BUS Service]\nExec=/bin/x\n",
        "[Service]\nType=oneshot\nExecStart=/bin/migrate\n",
        "[Service]\nExecStart=/bin/x\nExecStart=\n",
        "[Unit]\nExecStart=/bin/x\n",
        "<service-group/>",
        "",
    ],
)
def test_what_does_not_go_on_running_is_no_service(text: str) -> None:
    assert read(PATH, text) is None


# commands


def test_a_command_may_go_over_several_lines_with_comments_between_them() -> None:
    text = "[Service]\n# ExecStart=no\nExecStart=/bin/gunicorn \\\n  # four\n  -w 4 \\\n\n  x\n"
    found = read(PATH, text)
    assert found is not None
    assert found.command == Fact(("/bin/gunicorn", "-w", "4"), at(3))


def test_the_last_command_counts_after_an_empty_one() -> None:
    assert unit("ExecStart=\nExecStart=/bin/x 'a b'").command == Fact(("/bin/x", "a b"), at(4))


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("-/bin/x a", ("/bin/x", "a")),
        ("@/bin/x name a", ("/bin/x", "a")),
        ("!!/bin/x", ("/bin/x",)),
    ],
)
def test_signs_before_a_command_are_no_part_of_it(command: str, words: tuple[str, ...]) -> None:
    assert unit(f"ExecStart=\nExecStart={command}").command == Fact(words, at(4))


def test_variables_are_put_into_a_command() -> None:
    lines = 'Environment=PORT=80 "OPTS=-w 4"\nExecStart=\nExecStart=/bin/x :${PORT} $OPTS $$X $NO'
    assert unit(lines).command == Fact(("/bin/x", ":80", "-w", "4", "$X", "${NO}"), at(5))


def test_variables_may_be_several_in_a_line_and_in_several_lines() -> None:
    found = unit("Environment=A=1 'B=x y'\nEnvironment=A=2")
    assert found.env == {"A": Fact("2", at(4)), "B": Fact("x y", at(3))}


@pytest.mark.parametrize("command", ["/bin/x 'a", "/bin/x " + "a" * 30_000])
def test_a_command_that_cannot_be_split_makes_the_unit_unreadable(command: str) -> None:
    with pytest.raises(ReadError, match="a command") as error:
        unit(f"ExecStart=\nExecStart={command}")
    assert error.value.line == 4


# limits and times


@pytest.mark.parametrize(
    ("line", "grace"),
    [
        ("TimeoutStopSec=30", Fact(30.0, at(3))),
        ("TimeoutStopSec=1min 30s", Fact(90.0, at(3))),
        ("TimeoutSec=5", Fact(5.0, at(3))),
        ("TimeoutStopSec=infinity", None),
        ("TimeoutStopSec=0", None),
    ],
)
def test_the_time_to_stop_may_be_set_or_without_end(line: str, grace: Fact[float] | None) -> None:
    assert unit(line).grace == grace


def test_limits_of_memory_and_cpus_are_read() -> None:
    found = unit("MemoryMax=512M\nCPUQuota=150%")
    assert (found.memory, found.cpus) == (Fact(2**29, at(3)), Fact(1.5, at(4)))


@pytest.mark.parametrize("line", ["MemoryMax=infinity", "MemoryMax=50%", "CPUQuota=", "CPUQuota=x"])
def test_what_is_no_limit_is_none(line: str) -> None:
    found = unit(line)
    assert (found.memory, found.cpus) == (None, None)


def test_how_it_is_stopped_is_read() -> None:
    found = unit("KillMode=mixed\nKillSignal=SIGINT\nWorkingDirectory=-/srv/app")
    assert found.kill_mode == Fact("mixed", at(3))
    assert found.stop_signal == Fact("SIGINT", at(4))
    assert found.workdir == "/srv/app"


# folders


@pytest.mark.parametrize("line", ["ProtectSystem=strict", "DynamicUser=yes", "ReadOnlyPaths=/"])
def test_the_system_may_be_read_only_but_for_shared_memory(line: str) -> None:
    found = unit(line)
    assert found.read_only == Fact(value=True, where=at(3))
    assert "/dev/shm" in folders(found.writable)
    assert "/dev/shm" in folders(found.memory_folders)


@pytest.mark.parametrize("line", ["ProtectSystem=full", "DynamicUser=no", "ReadOnlyPaths=/etc"])
def test_a_part_of_the_system_is_not_all_of_it(line: str) -> None:
    assert unit(line).read_only is None


def test_folders_can_be_kept_writable() -> None:
    found = unit(
        "PrivateTmp=true\nRuntimeDirectory=app other\nStateDirectory=app\nReadWritePaths=-/srv/data"
    )
    assert folders(found.writable) == [
        *["/srv/data", "/run/app", "/run/other", "/var/lib/app"],
        *["/tmp", "/var/tmp"],
    ]
    assert folders(found.memory_folders) == ["/run/app", "/run/other"]


@given(st.text(st.sampled_from("[Service]\nExecStart=/x \\'\"$%#;@-")))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        found = read(PATH, f"[Service]\n{text}\nExecStart=/bin/x\n")
    except ReadError:
        return
    assert found is None or found.command is not None
