"""Sizes and times mean what the platform whose they are takes them for."""

import pytest

from toolkit.lint.amounts import (
    docker_bytes,
    fraction,
    go_seconds,
    quantity,
    systemd_bytes,
    systemd_seconds,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("10s", 10),
        ("1m30s", 90),
        ("500ms", 0.5),
        ("1.5h", 5400),
        ("0", 0),
        ("30", None),
        ("", None),
    ],
)
def test_a_time_of_docker_has_units_but_for_nought(text: str, seconds: float | None) -> None:
    assert go_seconds(text) == (None if seconds is None else pytest.approx(seconds))


@pytest.mark.parametrize(
    ("text", "size"),
    [("512m", 2**29), ("1.5gb", 3 * 2**29), ("64 MiB", 2**26), ("100", 100), ("${M}", None)],
)
def test_a_size_of_docker_is_binary(text: str, size: int | None) -> None:
    assert docker_bytes(text) == size


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("500m", 0.5),
        ("512Mi", 2**29),
        ("1G", 10**9),
        ("1Gi", 2**30),
        ("128e6", 128e6),
        ("0.5", 0.5),
        ("1E", 1e18),
        ("512MB", None),
        ("{{ x }}", None),
    ],
)
def test_a_quantity_of_kubernetes_is_decimal_unless_it_has_an_i(
    text: str, value: float | None
) -> None:
    assert quantity(text) == (None if value is None else pytest.approx(value))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("1min 30s", 90), ("2h", 7200), ("500ms", 0.5), ("infinity", None), ("", None)],
)
def test_a_time_of_systemd_is_in_seconds_without_a_unit(text: str, seconds: float | None) -> None:
    assert systemd_seconds(text) == seconds


@pytest.mark.parametrize(
    ("text", "size"), [("512M", 2**29), ("1G", 2**30), ("100", 100), ("50%", None)]
)
def test_a_size_of_systemd_is_binary(text: str, size: int | None) -> None:
    assert systemd_bytes(text) == size


@pytest.mark.parametrize(("text", "value"), [("0.5", 0.5), ("2", 2), ("-1", None), ("nan", None)])
def test_a_share_is_not_negative(text: str, value: float | None) -> None:
    assert fraction(text) == value
