"""Latency histograms: log-linear, three significant digits from 1 microsecond to one minute.

The counts are those of HdrHistogram (http://hdrhistogram.org), so a stored one can be read by its
tools, and two are merged by adding counts. Percentiles are never averaged.
"""

import zlib
from collections.abc import Iterable

from hdrh.codec import HdrCookieException, HdrLengthException
from hdrh.histogram import HdrHistogram

_HIGHEST_MICROSECONDS = 60_000_000
_DIGITS = 3


class LatencyHistogram:
    """Counts of latencies, in and out in seconds."""

    def __init__(self) -> None:
        self._counts = HdrHistogram(1, _HIGHEST_MICROSECONDS, _DIGITS)

    def record(self, seconds: float, count: int = 1) -> None:
        """Count a latency; anything beyond the range counts as its nearest end."""
        microseconds = min(max(round(seconds * 1e6), 1), _HIGHEST_MICROSECONDS)
        self._counts.record_value(microseconds, count)

    def add(self, other: "LatencyHistogram") -> None:
        """Add the counts of another histogram to this one."""
        self._counts.add(other._counts)  # noqa: SLF001 - of its own kind

    @property
    def count(self) -> int:
        """Number of latencies recorded."""
        return int(self._counts.get_total_count())

    @property
    def mean(self) -> float:
        """Mean in seconds, 0 if nothing was recorded."""
        return float(self._counts.get_mean_value()) / 1e6 if self.count else 0.0

    def percentiles(self, *ranks: float) -> tuple[float, ...]:
        """Give the latencies in seconds at these ranks (0 to 100).

        Raises:
            ValueError: Nothing was recorded.
        """
        if not self.count:
            raise ValueError("an empty histogram has no percentiles")
        values = self._counts.get_percentile_to_value_dict(ranks)
        return tuple(values[rank] / 1e6 for rank in ranks)

    def encode(self) -> str:
        """Give the counts as text: HdrHistogram V2, compressed, base64."""
        return str(self._counts.encode().decode("ascii"))

    @classmethod
    def decode(cls, text: str) -> "LatencyHistogram":
        """Read what ``encode`` gave.

        Raises:
            ValueError: The text is not an encoded histogram.
        """
        histogram = cls()
        try:
            histogram._counts.decode_and_add(text)
        except (ValueError, zlib.error, HdrCookieException, HdrLengthException) as error:
            raise ValueError(f"not an encoded latency histogram: {error}") from error
        return histogram

    @classmethod
    def merged(cls, parts: Iterable[str]) -> "LatencyHistogram":
        """Add up encoded histograms."""
        total = cls()
        for part in parts:
            total.add(cls.decode(part))
        return total
