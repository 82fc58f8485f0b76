"""What a Dockerfile says, as BuildKit reads it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.lint.dockerfiles.check_commands import asked_by
from toolkit.lint.dockerfiles.dockerfile import is_dockerfile, read, read_stage
from toolkit.lint.dockerfiles.syntax import words_of
from toolkit.lint.facts import Copied, Fact, Image, Where
from toolkit.reading import ReadError


def image(text: str, target: str | None = None) -> Image:
    return read_stage("Dockerfile", text, target)


def pairs(found: Image) -> list[tuple[str, str]]:
    return [(copied.source, copied.target) for copied in found.copies]


def env(found: Image) -> dict[str, str]:
    return {name: fact.value for name, fact in found.env.items()}


@pytest.mark.parametrize(
    "path",
    [
        "Dockerfile",
        "a/Dockerfile",
        "Dockerfile.prod",
        "web.Dockerfile",
        "Containerfile",
        "Dockerfile-web",
    ],
)
def test_a_dockerfile_is_known_by_its_name(path: str) -> None:
    assert is_dockerfile(path)


@pytest.mark.parametrize(
    "path",
    ["Dockerfile.dockerignore", "Dockerfile.md", "dockerfile.go", "dockerfile_test", "docker.py"],
)
def test_what_only_looks_like_one_is_none(path: str) -> None:
    assert not is_dockerfile(path)


# instructions


def test_values_stand_where_their_instruction_begins() -> None:
    found = image('FROM python\n\n# a comment\nCMD ["gunicorn", \\\n  "-w", "4"]\nSTOPSIGNAL INT\n')
    assert found.where == Where("Dockerfile", 1)
    assert found.cmd == Fact(("gunicorn", "-w", "4"), Where("Dockerfile", 4))
    assert found.stop_signal == Fact("INT", Where("Dockerfile", 6))


def test_comments_and_empty_lines_do_not_end_a_continued_instruction() -> None:
    found = image("FROM a\nENV A=1 \\\n# a comment\n\n  B=2\nWORKDIR /x\n")
    assert env(found) == {"A": "1", "B": "2"}
    assert found.workdir == "/x"


def test_the_escape_directive_changes_the_character_that_continues_lines() -> None:
    found = image("# escape=`\nFROM a\nENV A=C:\\x `\n B=2\n")
    assert env(found) == {"A": "C:\\x", "B": "2"}


def test_the_escape_directive_may_follow_another_one_but_no_comment() -> None:
    assert env(image("# syntax=x\n# escape=`\nFROM a\nENV A=1 `\n B=2\n")) == {"A": "1", "B": "2"}
    assert env(image("# comment\n# escape=`\nFROM a\nENV A=1 \\\n B=2\n")) == {"A": "1", "B": "2"}


@pytest.mark.parametrize("said", ["RUN <<EOF", 'RUN <<"EOF" cat', "COPY <<EOF /x"])
def test_a_here_document_says_nothing(said: str) -> None:
    assert image(f"FROM a\n{said}\nFROM b\nCMD c\nEOF\nWORKDIR /x\n").base == "a"


def test_a_here_document_may_be_indented_with_tabs() -> None:
    assert image("FROM a\nRUN <<-EOF\n\tCMD c\n\tEOF\nWORKDIR /x\n").workdir == "/x"


def test_names_of_instructions_are_in_any_case() -> None:
    assert image('from a\ncmd ["b"]').cmd == Fact(("b",), Where("Dockerfile", 2))


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("", 0, "no FROM"),
        ("# nothing\n", 0, "no FROM"),
        ("CMD a\nFROM b\n", 1, "CMD before FROM"),
        ("FROM a\nSERVE b\n", 2, "'SERVE'"),
        ("FROM a\n{% if x %}\nCMD b\n{% endif %}\n", 2, "template"),
        ("FROM a\n" * 2_001, 2_001, "more than 2,000"),
    ],
)
def test_what_is_no_dockerfile_is_refused_with_its_line(text: str, line: int, reason: str) -> None:
    with pytest.raises(ReadError, match=reason) as refused:
        read("Dockerfile", text)
    assert refused.value.line == line


# forms of commands


def test_a_shell_form_is_a_command_of_the_shell() -> None:
    found = image("FROM a\nENTRYPOINT gunicorn -w 4 app:app\n")
    assert found.entrypoint is not None
    assert found.entrypoint.value == ("/bin/sh", "-c", "gunicorn -w 4 app:app")


@pytest.mark.parametrize("said", ["['a', 'b']", '["a", "b"', '["a", 1]', '{"a": 1}'])
def test_what_is_no_list_of_texts_in_json_is_a_shell_form(said: str) -> None:
    found = image(f"FROM a\nCMD {said}\n")
    assert found.cmd is not None
    assert found.cmd.value == ("/bin/sh", "-c", said)


def test_the_shell_of_shell_forms_can_be_another() -> None:
    found = image('FROM a\nSHELL ["/bin/bash", "-o", "pipefail", "-c"]\nCMD a | b\n')
    assert found.cmd is not None
    assert found.cmd.value == ("/bin/bash", "-o", "pipefail", "-c", "a | b")


def test_an_empty_list_takes_an_inherited_command_away() -> None:
    found = image('FROM a\nCMD ["b"]\nENTRYPOINT []\n')
    assert found.entrypoint == Fact((), Where("Dockerfile", 3))


# stages


STAGES = """\
ARG VERSION=3.13
FROM python:${VERSION}-slim AS build
WORKDIR /src
ENV A=1
COPY . .
EXPOSE 80
CMD ["a"]
FROM build AS app
WORKDIR sub
ENV B=$A
FROM node
CMD ["c"]
"""


def test_the_last_stage_counts_unless_another_is_named() -> None:
    assert image(STAGES).base == "node"
    assert image(STAGES, "build").workdir == "/src"
    assert image(STAGES, "BUILD").workdir == "/src"
    assert image(STAGES, "1").workdir == "/src/sub"
    assert image(STAGES).stages == ("build", "app")


def test_a_stage_that_is_not_there_is_refused() -> None:
    with pytest.raises(ReadError, match="no stage 'test'"):
        image(STAGES, "test")


def test_a_stage_has_what_the_one_that_it_is_made_from_has() -> None:
    found = image(STAGES, "app")
    assert found.base == "python:3.13-slim"
    assert found.where == Where("Dockerfile", 8)
    assert found.cmd == Fact(("a",), Where("Dockerfile", 7))
    assert found.exposes == (Fact(80, Where("Dockerfile", 6)),)
    assert env(found) == {"A": "1", "B": "1"}
    assert pairs(found) == [(".", "/src")]


def test_a_stage_that_is_named_like_its_image_does_not_inherit_itself() -> None:
    assert image("FROM python AS python\nCMD a\n").base == "python"


def test_entrypoint_takes_away_a_command_from_before_its_stage() -> None:
    before = 'FROM a AS b\nCMD ["c"]\nFROM b\nENTRYPOINT ["d"]\n'
    assert image(before).cmd is None
    assert image(before + 'CMD ["e"]\n').cmd == Fact(("e",), Where("Dockerfile", 5))


def test_entrypoint_leaves_a_command_of_its_own_stage() -> None:
    assert image('FROM a\nCMD ["c"]\nENTRYPOINT ["d"]\n').cmd is not None


# variables


def test_arguments_from_before_from_count_in_a_stage_that_names_them() -> None:
    text = "ARG P=80\nFROM a\n{}EXPOSE $P\n"
    assert image(text.format("")).exposes == ()
    assert [fact.value for fact in image(text.format("ARG P\n")).exposes] == [80]


def test_an_argument_that_the_build_is_given_wins_over_its_default() -> None:
    text = "ARG A=1\nFROM a\nARG A\nARG B=2\nENV X=$A Y=$B\n"
    found = read_stage("Dockerfile", text, None, {"A": "3", "B": "4", "C": "5"})
    assert env(found) == {"X": "3", "Y": "4"}


def test_env_wins_over_arg() -> None:
    assert env(image("FROM a\nENV A=1\nARG A=2\nENV B=$A\n"))["B"] == "1"


def test_what_is_not_known_stays_as_a_variable() -> None:
    assert env(image("FROM a\nARG A\nENV B=$A C=${D:-e} F=${G}\n")) == {
        "B": "${A}",
        "C": "e",
        "F": "${G}",
    }


def test_values_may_be_quoted_and_escaped() -> None:
    found = image('FROM a\nENV A="b c" D=e\\ f G=\'$A\' H=""\nENV OLD  two words\n')
    assert env(found) == {"A": "b c", "D": "e f", "G": "$A", "H": "", "OLD": "two words"}


@given(st.lists(st.text("abc $'\"\\", min_size=0, max_size=6), max_size=5))
def test_words_come_out_of_single_quotes_as_they_went_in(words: list[str]) -> None:
    plain = [word.replace("'", "") for word in words]
    assert words_of(" ".join(f"'{word}'" for word in plain), {}, "\\") == plain


# what else is read


def test_ports_are_read_with_ranges_and_without_udp() -> None:
    found = image("FROM a\nENV P=1\nEXPOSE $P 3-5 9/tcp 53/udp x\nEXPOSE 7\n")
    assert [fact.value for fact in found.exposes] == [1, 3, 4, 5, 9, 7]


def test_the_working_folder_goes_on_from_the_one_before() -> None:
    assert image("FROM a\nWORKDIR /a\nWORKDIR b\nWORKDIR ./c\n").workdir == "/a/b/c"
    assert image("FROM a\nWORKDIR app\n").workdir == "/app"
    assert image("FROM a\n").workdir == ""


def test_a_health_check_has_its_command_request_and_times() -> None:
    probe = image(
        "FROM a\nHEALTHCHECK --interval=1m30s --retries=5 \\\n"
        "  CMD curl -f http://localhost:8000/healthz || exit 1\n"
    ).probe
    assert probe is not None
    where = Where("Dockerfile", 2)
    assert probe.words == ("/bin/sh", "-c", "curl -f http://localhost:8000/healthz || exit 1")
    assert (probe.path, probe.port) == ("/healthz", "8000")
    assert probe.period == Fact(90.0, where)
    assert probe.timeout == Fact(30.0, where, "docker")
    assert probe.failures == Fact(5, where)


def test_a_health_check_knows_the_variables_of_the_image() -> None:
    probe = image("FROM a\nENV P=81\nHEALTHCHECK CMD curl http://a:${P}/x\n").probe
    assert probe is not None
    assert (probe.path, probe.port) == ("/x", "81")


def test_a_health_check_can_be_taken_away() -> None:
    assert image('FROM a\nHEALTHCHECK CMD ["b"]\nHEALTHCHECK NONE\n').probe is None


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("wget -qO- http://127.0.0.1/", ("/", "80")),
        ("curl http://[::1]:5000/a?b=c", ("/a", "5000")),
        ("curl https://localhost", ("/", "443")),
        ("python -c \"urlopen('http://localhost:8000/a/b')\"", ("/a/b", "8000")),
        ("HTTPConnection('localhost', 80); c.request('GET', '/z')", ("/z", "80")),
        ("pg_isready -h db", (None, None)),
        ("curl http://localhost:$PORT/x", ("/x", "$PORT")),
        ("curl -f --unix-socket /run/app.sock http://localhost/x", ("/x", None)),
    ],
)
def test_the_request_of_a_check_is_found(text: str, asked: tuple[str | None, str | None]) -> None:
    assert asked_by(["sh", "-c", text]) == asked


# copies


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("COPY . .", [(".", "/app")]),
        ("COPY a.py /b/c.py", [("a.py", "/b/c.py")]),
        ("COPY --chown=1:1 ./a.py ./", [("a.py", "/app/a.py"), ("a.py", "/app")]),
        ('COPY ["a b", "/c"]', [("a b", "/c")]),
        ("COPY docker/*.sh /bin/", [("docker", "/bin")]),
        ("ADD https://example.com/a /b", []),
        ("COPY <<EOF /b\nx\nEOF", []),
        ("COPY a", []),
    ],
)
def test_copies_have_a_source_and_an_absolute_target(
    said: str, expected: list[tuple[str, str]]
) -> None:
    assert pairs(image(f"FROM x\nWORKDIR /app\n{said}\n")) == expected


def test_several_sources_go_under_their_target() -> None:
    found = image("FROM x\nCOPY a b.py /t\n")
    assert Copied(source="a", target="/t/a") in found.copies
    assert Copied(source="b.py", target="/t/b.py") in found.copies


def test_what_is_copied_from_a_stage_comes_from_the_context_in_the_end() -> None:
    text = "FROM x AS b\nCOPY app /src\nFROM y\nCOPY --from=b {}\n"
    assert pairs(image(text.format("/src /app"))) == [("app", "/app")]
    assert pairs(image(text.format("/src/conf /etc/conf"))) == [("app/conf", "/etc/conf")]
    assert pairs(image(text.format("/ /"))) == [("app", "/src")]
    assert pairs(image(text.format("/venv /venv"))) == []


def test_what_is_copied_from_another_image_does_not_come_from_the_context() -> None:
    assert pairs(image("FROM x\nCOPY --from=ghcr.io/astral-sh/uv /uv /bin/uv\n")) == []


# hostile files


@given(st.text(st.sampled_from("FROMCPYENVHLT a=[]\"'\\\n$#{}<-`/\0é"), max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        found = read("Dockerfile", f"FROM a\n{text}")
    except ReadError:
        return
    assert found.path == "Dockerfile"


def test_variables_that_double_each_other_end() -> None:
    doubling = "".join(f"ENV A{n + 1}=$A{n}$A{n}\n" for n in range(100))
    found = image(f"FROM a\nENV A0=xxxxxxxx\n{doubling}")
    assert max(len(value) for value in env(found).values()) <= 10_000
