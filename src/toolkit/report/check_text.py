"""How a check's names and quantities are written, whatever the medium."""

import unicodedata

from toolkit.changes import Change, Verdict, worsening
from toolkit.checked import Metric
from toolkit.judgement import Assessment
from toolkit.stats import SIGNIFICANCE, Ratio
from toolkit.units import format_bytes, format_latency, format_rate

_LONGEST = 300
"""Characters of a text from outside that are shown."""

_INVISIBLE = {"Cc", "Cf", "Cs", "Zl", "Zp"}
"""Unicode's control, format and surrogate characters, and what ends lines and paragraphs."""

_NAMES = {
    Metric.CPU: "CPU per request",
    Metric.THROUGHPUT: "throughput",
    Metric.MEMORY: "memory",
    Metric.P50: "p50 latency",
    Metric.P99: "p99 latency",
}


def plain(text: str, longest: int = _LONGEST) -> str:
    """Make one line of a text from outside, without anything that steers a terminal or a parser."""
    # cut before and after: nobody waits for megabytes, and what is invisible does not count
    visible = (" " if unicodedata.category(c) in _INVISIBLE else c for c in text[: 4 * longest])
    line = " ".join("".join(visible).split())
    return line if len(line) <= longest else f"{line[:longest]}..."


def name_of(metric: Metric, *, gated: bool) -> str:
    """Name a metric; a latency that decides is one at the fixed rate."""
    return f"{metric} at a fixed rate" if gated and metric.is_latency else _NAMES[metric]


def short_name_of(metric: Metric) -> str:
    """Name a metric where there is little room: ``CPU``, ``p50``."""
    return "CPU" if metric is Metric.CPU else str(metric)


def value_of(metric: Metric, value: float) -> str:
    """Write a value with its unit."""
    match metric:
        case Metric.CPU:
            few = value < 0.9995e-3
            return f"{_three_digits(value * (1e6 if few else 1e3))} {'µs' if few else 'ms'}"
        case Metric.THROUGHPUT:
            return f"{format_rate(value)}/s"
        case Metric.MEMORY:
            return format_bytes(value)
        case Metric.P50 | Metric.P99:
            return f"{format_latency(value)} ms"


def _three_digits(number: float) -> str:
    if number >= 99.95:
        return f"{number:,.0f}"
    return f"{number:.1f}" if number >= 9.995 else f"{number:.2f}"


def change_of(ratio: Ratio) -> str:
    """Write a ratio as a change with its interval: ``+12.1 % [10.9, 13.4]``."""
    text = f"{_hundredths(ratio.value - 1):+,.1f} %"
    if ratio.low is None or ratio.high is None:
        return text
    low, high = _hundredths(ratio.low - 1), _hundredths(ratio.high - 1)
    return f"{text} [{low:,.1f}, {high:,.1f}]"


def _hundredths(part: float) -> float:
    return round(part * 100, 1) + 0.0  # adding zero makes 0.0 of -0.0


def width_of(part: float) -> str:
    """Write a relative width: ``2.4 %``."""
    return f"{part * 100:,.1f} %"


def tolerance_of(part: float) -> str:
    """Write a tolerance as it was given: ``10 %``, ``2.5 %``."""
    return f"{part * 100:.4g} %"


def significant(row: Change) -> bool:
    """Tell whether a row differs, corrected for the number of rows."""
    return row.p is not None and row.p <= SIGNIFICANCE


def decides(row: Change, assessment: Assessment) -> bool:
    """Tell whether a workload alone is a regression, whatever all of them together are."""
    sound = assessment.verdict is not Verdict.INVALID
    return sound and row.gated and row.verdict is Verdict.REGRESSION


def loss_of(change: Change) -> float:
    """Say how many times as bad a change is: more than 1 is worse."""
    return worsening(change.metric, change.ratio).value
