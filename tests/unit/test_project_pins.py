"""A package's line is read back as what it was written from."""

from hypothesis import given
from hypothesis import strategies as st

from toolkit.project.packages.pins import Pin, are_hashed, canonical, parse, render

WORDS = st.from_regex(r"[a-z0-9]([a-z0-9]|-(?=[a-z0-9])){0,12}", fullmatch=True)
VERSIONS = st.from_regex(
    r"[0-9]{1,3}(\.[0-9]{1,3}){0,3}(a[0-9]|rc[0-9])?(\.post[0-9])?", fullmatch=True
)
HASHES = st.sets(st.builds("sha256:{:064x}".format, st.integers(0, 16**64 - 1)), max_size=3)
SIMPLE_MARKERS = st.one_of(
    st.builds(
        "{} {} '{}'".format,
        st.sampled_from(["python_version", "python_full_version"]),
        st.sampled_from(["<", ">=", "==", "!="]),
        VERSIONS,
    ),
    st.builds(
        '{} {} "{}"'.format,
        st.sampled_from(["sys_platform", "os_name", "platform_machine"]),
        st.sampled_from(["==", "!=", "in", "not in"]),
        WORDS,
    ),
)
MARKERS = st.recursive(
    SIMPLE_MARKERS,
    lambda inner: st.builds("({}) {} ({})".format, inner, st.sampled_from(["and", "or"]), inner),
    max_leaves=5,
)
SOURCES: st.SearchStrategy[dict[str, str]] = st.one_of(
    st.builds(lambda version: {"specifier": f"=={version}"}, VERSIONS),
    st.builds(lambda version: {"specifier": f"<{version}"}, VERSIONS),
    st.just({}),
    st.builds(
        lambda name, commit: {"url": f"git+https://git.example/{name}@{commit}"},
        WORDS,
        st.builds("{:040x}".format, st.integers(0, 16**40 - 1)),
    ),
    st.builds(lambda name: {"url": f"https://files.example/{name}.whl#subdirectory=a"}, WORDS),
)


@st.composite
def pins(draw: st.DrawFn) -> Pin:
    source = draw(SOURCES)
    marker = draw(st.one_of(st.just(""), MARKERS))
    return Pin(
        name=draw(WORDS),
        extras=tuple(sorted(draw(st.sets(WORDS, max_size=2)))),
        marker=canonical(marker),
        hashes=tuple(sorted(draw(HASHES))),
        specifier=source.get("specifier", ""),
        url=source.get("url", ""),
    )


@given(st.lists(pins(), max_size=5))
def test_what_is_written_is_read_back(several: list[Pin]) -> None:
    read = parse(render(several))
    if not are_hashed(several):
        several = [
            Pin(
                name=pin.name,
                extras=pin.extras,
                specifier=pin.specifier,
                url=pin.url,
                marker=pin.marker,
            )
            for pin in several
        ]
    assert read == tuple(several)


@given(st.lists(pins(), min_size=1, max_size=5))
def test_either_every_line_has_hashes_or_none_has(several: list[Pin]) -> None:
    found = {"--hash=" in line for line in render(several).splitlines()}
    assert found == {are_hashed(several)}
