"""Charts as Vega-Lite specifications, whose data is put in by name. Pure.

Colours come with the theme (script.js, or ``LIGHT`` where there is no browser). Stacks are told
apart by colour and by shape or dash, for eyes that see fewer colours and for paper that has none;
the colours are those of Okabe and Ito, https://jfly.uni-koeln.de/color/.
"""

from typing import Any

Spec = dict[str, Any]

SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#7f7f7f", "#b8a800")

LIGHT: Spec = {
    "background": "#ffffff",
    "axis": {"labelColor": "#3d464f", "titleColor": "#3d464f", "gridColor": "#e6eaee"},
    "legend": {"labelColor": "#3d464f", "titleColor": "#3d464f", "columns": 3},
}

ROW = 30
"""Pixels of a stack in a chart that has one above the other; script.js has the same."""

_RATE = "requests/s"


def throughput(stacks: list[str], order: list[str], *, intervals: bool) -> Spec:
    """Each stack's capacity: every trial a dot, the median a bar, its interval a line.

    Args:
        stacks: All of the run, which colours are given to.
        order: Those of the chart, the first on top.
        intervals: Whether there are any.
    """
    y = {"field": "stack", "type": "nominal", "sort": order, "title": None}
    x = {"field": "rate", "type": "quantitative", "title": _RATE, "scale": {"zero": True}}
    validity = {
        "field": "valid",
        "type": "nominal",
        "scale": {"domain": [True, False], "range": ["circle", "cross"]},
        "legend": None,
    }
    colour = _colour(stacks, legend=False)
    dots = {
        "data": {"name": "trials"},
        "mark": {"type": "point", "filled": True, "size": 28, "opacity": 0.5},
        "encoding": {
            "y": y,
            "x": x,
            "color": colour,
            "shape": validity,
            "tooltip": _tooltip("stack", "round", rate=_RATE, valid="may be ranked"),
        },
    }
    interval = {
        "data": {"name": "capacity"},
        "transform": [{"filter": "isValid(datum.low)"}],
        "mark": {"type": "rule", "strokeWidth": 3, "strokeCap": "round"},
        "encoding": {"y": y, "x": {**x, "field": "low"}, "x2": {"field": "high"}, "color": colour},
    }
    middle = {
        "data": {"name": "capacity"},
        "mark": {"type": "tick", "thickness": 4, "size": 18},
        "encoding": {
            "y": y,
            "x": x,
            "color": colour,
            "tooltip": _tooltip("stack", rate="median", low="from", high="to"),
        },
    }
    return _chart(
        "Requests per second of each stack: trials, median and interval",
        height=ROW * len(order),
        layer=[*([interval] if intervals else []), middle, dots],
    )


def percentiles(stacks: list[str], part: float) -> Spec:
    """Latency by percentile at one rate, as HDR histograms are drawn: the tail gets the room."""
    return _chart(
        f"Latency by percentile at {part:.0%} of the baseline's capacity",
        height=300,
        data={"name": "curves"},
        transform=[
            {"filter": f"datum.part === {part:g}"},
            {"calculate": "1 / (1 - datum.percentile / 100)", "as": "beyond"},
        ],
        mark={"type": "line", "point": {"size": 22}},
        encoding={
            "x": {
                "field": "beyond",
                "type": "quantitative",
                "title": "percentile",
                "scale": {"type": "log", "domain": [1, 10000]},
                "axis": {
                    "values": [1, 2, 10, 100, 1000, 10000],
                    "labelExpr": "datum.value === 1 ? '0' : datum.value === 2 ? '50' : "
                    "format(100 - 100 / datum.value, '~g')",
                },
            },
            "y": _latency("ms", "latency, ms"),
            **_lines(stacks),
            "tooltip": _tooltip("stack", "percentile", ms="ms"),
        },
    )


def latency_by_load(stacks: list[str]) -> Spec:
    """The 99th percentile of each stack at the rates that were offered to all."""
    return _chart(
        "99th percentile of latency at each offered rate",
        height=300,
        data={"name": "loads"},
        layer=[
            {
                "mark": {"type": "line"},
                "encoding": {"x": _offered(), "y": _latency("p99", "p99, ms"), **_lines(stacks)},
            },
            {
                "mark": {"type": "point", "size": 60},
                "encoding": {
                    "x": _offered(),
                    "y": _latency("p99", "p99, ms"),
                    "color": _colour(stacks, legend=True),
                    "fill": {
                        "condition": {
                            "test": "datum.carried",
                            "field": "stack",
                            "type": "nominal",
                            "scale": _scale(stacks),
                        },
                        "value": "transparent",
                    },
                    "tooltip": _tooltip(
                        "stack", "carried", rate="offered/s", p50="p50, ms", p99="p99, ms"
                    ),
                },
            },
        ],
    )


def waiting(stacks: list[str]) -> Spec:
    """What the time that a request waits for another service does to each stack."""
    return _chart(
        "Requests per second by the time that a request waits",
        height=320,
        data={"name": "waits"},
        mark={"type": "line", "point": True},
        encoding={
            "x": {
                "field": "delay",
                "type": "quantitative",
                "title": "wait of each request, ms",
                "scale": {"type": "symlog", "constant": 2},
            },
            "y": {
                "field": "rate",
                "type": "quantitative",
                "title": _RATE,
                "scale": {"type": "log"},
            },
            **_lines(stacks),
            "tooltip": _tooltip("stack", "workload", delay="ms", rate=_RATE),
        },
    )


def course(stacks: list[str]) -> Spec:
    """The ratio of each stack to the baseline, run by run."""
    x = {"field": "at", "type": "temporal", "title": None}
    y = {"field": "ratio", "type": "quantitative", "title": "ratio to baseline"}
    return _chart(
        "Ratio to the baseline from run to run",
        height=240,
        data={"name": "runs"},
        layer=[
            {
                "mark": {"type": "rule", "strokeWidth": 2, "opacity": 0.6},
                "transform": [{"filter": "isValid(datum.low)"}],
                "encoding": {
                    "x": x,
                    "y": {**y, "field": "low"},
                    "y2": {"field": "high"},
                    "color": _colour(stacks, legend=True),
                },
            },
            {
                "mark": {"type": "line", "point": True},
                "encoding": {
                    "x": x,
                    "y": y,
                    **_lines(stacks),
                    "tooltip": _tooltip("stack", at="run", ratio="ratio", low="from", high="to"),
                },
            },
        ],
    )


def over_time(stacks: list[str], field: str, title: str) -> Spec:
    """CPU or memory of the servers, trial by trial as the run went."""
    return _chart(
        f"{title} of each trial as the run went",
        height=220,
        data={"name": "course"},
        mark={"type": "point", "filled": True, "size": 40},
        encoding={
            "x": {"field": "minute", "type": "quantitative", "title": "minute of the run"},
            "y": {"field": field, "type": "quantitative", "title": title, "scale": {"zero": True}},
            "color": _colour(stacks, legend=True),
            "shape": _shape(stacks),
            "tooltip": _tooltip("stack", minute="minute", **{field: title}),
        },
    )


def _chart(description: str, **parts: Any) -> Spec:  # noqa: ANN401 - of Vega-Lite's kinds
    return {
        "$schema": SCHEMA,
        "description": description,
        "width": "container",
        "autosize": {"type": "fit-x", "contains": "padding"},
        **parts,
    }


def _lines(stacks: list[str]) -> Spec:
    dashes = [[1, 0], [6, 3], [2, 2], [8, 2, 2, 2]]
    many = [dashes[(index // len(COLOURS)) % len(dashes)] for index in range(len(stacks))]
    return {
        "color": _colour(stacks, legend=True),
        "strokeDash": {
            "field": "stack",
            "type": "nominal",
            "scale": {"domain": stacks, "range": many},
        },
    }


def _scale(stacks: list[str]) -> Spec:
    colours = [COLOURS[index % len(COLOURS)] for index in range(len(stacks))]
    return {"domain": stacks, "range": colours}


def _colour(stacks: list[str], *, legend: bool) -> Spec:
    shown = {"title": None, "orient": "bottom", "labelLimit": 260, "symbolLimit": 0}
    return {
        "field": "stack",
        "type": "nominal",
        "scale": _scale(stacks),
        "legend": shown if legend else None,
    }


def _shape(stacks: list[str]) -> Spec:
    shapes = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down")
    return {
        "field": "stack",
        "type": "nominal",
        "scale": {"domain": stacks, "range": [shapes[i % 6] for i in range(len(stacks))]},
    }


def _offered() -> Spec:
    return {
        "field": "rate",
        "type": "quantitative",
        "title": "offered requests/s",
        "axis": {"tickCount": 6, "labelOverlap": True},
    }


def _latency(field: str, title: str) -> Spec:
    return {
        "field": field,
        "type": "quantitative",
        "title": title,
        "scale": {"type": "log", "nice": True},
        "axis": {"tickCount": 5},
    }


def _tooltip(*fields: str, **titled: str) -> list[Spec]:
    plain = [{"field": name, "title": name} for name in fields]
    return [*plain, *({"field": name, "title": title} for name, title in titled.items())]
