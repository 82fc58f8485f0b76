"""Latency histograms: log-linear, three significant digits from 1 microsecond to one minute.

The counts are those of HdrHistogram (http://hdrhistogram.org), so a stored one can be read by its
tools, and two are merged by adding counts. Percentiles are never averaged.
"""

import zlib
from bisect import bisect_left
from collections.abc import Iterable
from itertools import accumulate

from hdrh.codec import HdrCookieException, HdrLengthException
from hdrh.histogram import HdrHistogram

_HIGHEST_MICROSECONDS = 60_000_000
_DIGITS = 3


class LatencyHistogram:
    """Counts of latencies, in and out in seconds.

    Args:
        counts: That there are already, in microseconds; None: none.
    """

    def __init__(self, counts: HdrHistogram | None = None) -> None:
        self._counts = counts or HdrHistogram(1, _HIGHEST_MICROSECONDS, _DIGITS)

    def record(self, seconds: float, count: int = 1) -> None:
        """Count a latency; anything beyond the range counts as its nearest end."""
        microseconds = min(max(round(seconds * 1e6), 1), _HIGHEST_MICROSECONDS)
        self._counts.record_value(microseconds, count)

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
        # the same as its get_percentile_to_value_dict, which asks for each count by itself
        end = self._counts._counts_index_for(self._counts.max_value) + 1  # noqa: SLF001 - no public
        counts = memoryview(self._counts.counts).cast("B").cast("Q")[:end]
        upward = list(accumulate(counts))
        return tuple(self._value(rank, upward) / 1e6 for rank in ranks)

    def _value(self, rank: float, upward: list[int]) -> int:
        """Give the microseconds at a rank, from the counts added up."""
        counts = self._counts
        place = bisect_left(upward, counts.get_target_count_at_percentile(rank))
        value = counts.get_value_from_index(place)
        if rank:
            return int(counts.get_highest_equivalent_value(value))
        return int(counts.get_lowest_equivalent_value(value))

    def encode(self) -> str:
        """Give the counts as text: HdrHistogram V2, compressed, base64."""
        return str(self._counts.encode().decode("ascii"))

    @classmethod
    def decode(cls, text: str) -> "LatencyHistogram":
        """Read what ``encode`` gave.

        Raises:
            ValueError: The text is not an encoded histogram.
        """
        return cls.merged((text,))

    @classmethod
    def merged(cls, parts: Iterable[str]) -> "LatencyHistogram":
        """Add up encoded histograms.

        Raises:
            ValueError: One of the texts is not an encoded histogram.
        """
        total = None
        for part in parts:
            try:
                if total is None:  # nothing is there that it would be added to
                    total = HdrHistogram.decode(part)
                else:
                    total.decode_and_add(part)
            except (ValueError, zlib.error, HdrCookieException, HdrLengthException) as error:
                raise ValueError(f"not an encoded latency histogram: {error}") from error
        return cls(total)
