"""A locustfile that is sent to other hosts does there what it does here."""

import ast
import os
from pathlib import Path
from typing import Any

import pytest

from toolkit.load.portable import with_parameters
from toolkit.parameters import VARIABLE

FILES = sorted((Path(__file__).parents[2] / "loadtests").glob("*.py"))


def run(text: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    exec(compile(text, "locustfile.py", "exec"), found)
    return found


@pytest.mark.parametrize(
    "text",
    [
        "import os\nseen = os.environ[V]",
        '"""What it does."""\nimport os\nseen = os.environ[V]',
        '"""Of\ntwo."""\n\nfrom __future__ import annotations\nimport os\nseen = os.environ[V]',
        "# a comment\nfrom __future__ import annotations\nimport os; seen = os.environ[V]\n",
        "x = 1; import os\nseen = os.environ[V]",
    ],
)
def test_its_parameters_are_there_before_it_reads_them(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, "of=elsewhere")
    found = run(with_parameters(text.replace("V]", f"{VARIABLE!r}]"), "delay=5ms&note='\"\\"))
    assert found["seen"] == "delay=5ms&note='\"\\"
    assert os.environ[VARIABLE] == found["seen"]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_rest_of_it_stays_as_it_is(file: Path) -> None:
    text = file.read_text()
    sent = ast.parse(with_parameters(text, "rows=5"))
    (added,) = (item for item in sent.body if VARIABLE in ast.dump(item))
    sent.body.remove(added)
    assert ast.dump(sent) == ast.dump(ast.parse(text))


def test_what_is_no_python_is_refused() -> None:
    with pytest.raises(SyntaxError):
        with_parameters("def", "")
