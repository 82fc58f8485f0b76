import importlib.util
import re
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]
PAGE = CHECKOUT / "docs" / "questions.md"


def test_the_tables_of_the_page_of_questions_are_those_of_the_committed_runs() -> None:
    spec = importlib.util.spec_from_file_location("questions", CHECKOUT / "benchmarks/questions.py")
    assert spec is not None
    assert spec.loader is not None
    questions = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(questions)
    page = PAGE.read_text()
    assert page.count("<!-- end -->") >= 5
    assert questions.render(page) == page


def test_every_question_says_how_to_measure_it_again() -> None:
    _, *sections = re.split(r"^## ", PAGE.read_text(), flags=re.MULTILINE)
    assert len(sections) >= 7
    for section in sections:
        if "reference-app.md" not in section:
            assert "toolkit bench" in section
