import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.errors import ConfigError
from toolkit.parameters import VARIABLE, Parameters, read_query

DEFAULTS = {"delay": "20ms", "rows": "20", "size": "1MiB", "share": "12%", "site": "riga"}


def test_values_that_are_not_given_are_the_defaults_in_the_order_of_their_declaration() -> None:
    chosen = Parameters(DEFAULTS, "rows=5&delay=1.5s")
    assert chosen.query() == "delay=1.5s&rows=5&size=1MiB&share=12%&site=riga"
    assert chosen.seconds("delay") == 1.5
    assert chosen.count("rows") == 5
    assert chosen.bytes("size") == 2**20
    assert chosen.part("share") == 0.12
    assert Parameters(DEFAULTS, "").seconds("delay") == pytest.approx(0.02)


def test_without_a_query_the_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "rows=7")
    assert Parameters(DEFAULTS).count("rows") == 7
    monkeypatch.delenv(VARIABLE)
    assert Parameters(DEFAULTS).count("rows") == 20


@pytest.mark.parametrize(
    ("query", "said", "hint"),
    [
        ("row=5", "no parameter 'row'", "rows"),
        ("zzz=5", "no parameter 'zzz'", "Known here: delay"),
        ("rows=5ms", "rows=5ms is no whole number", "such as 20"),
        ("rows=-1", "is no whole number", ""),
        ("delay=5", "delay=5 is no duration", "such as 20ms"),
        ("size=big", "size=big is no size", ""),
        ("share=0.5", "is no part", ""),
        ("rows", "'rows' is no parameter", "name=value"),
        ("rows=", "'rows=' is no parameter", ""),
        ("=5", "'=5' is no parameter", ""),
    ],
)
def test_a_wrong_name_or_kind_of_value_is_refused_with_a_hint(
    query: str, said: str, hint: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        Parameters(DEFAULTS, query)
    assert said in str(caught.value)
    assert hint in caught.value.hint


words = st.text(st.characters(categories=("L", "N")), min_size=1)


@given(st.dictionaries(words, words))
def test_a_query_that_is_written_is_read_back(values: dict[str, str]) -> None:
    assert read_query("&".join(f"{name}={value}" for name, value in values.items())) == values
