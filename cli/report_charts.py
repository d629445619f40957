"""Charts as inline SVG without a script: positions in percent, so that type keeps its size at any width.

Every chart is an image with a title and a description for who does not see it; its figures stand beside or
below it as a table. A sample below the least size is drawn hollow and dashed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from cli.report_html import Html, join, tag

HEIGHT = 220
TOP, BOTTOM = 12, 34
LEFT, RIGHT = 7.0, 98.5


@dataclass(frozen=True)
class Point:
    """A figure with its interval; None = unknown."""

    label: str
    value: float | None
    low: float | None = None
    high: float | None = None
    enough: bool = True


@dataclass(frozen=True)
class Scale:
    """Where the axis begins and ends, and its marked values."""

    low: float
    high: float
    marks: tuple[float, ...] = ()

    def share(self, value: float) -> float:
        """Position between 0 and 1; what lies outside is drawn at the edge."""
        return min(1.0, max(0.0, (value - self.low) / (self.high - self.low)))


NPS = Scale(-100, 100, (-100, -50, 0, 50, 100))
SHARE = Scale(0, 1, (0, 0.25, 0.5, 0.75, 1))


def nice(highest: float, steps: int = 4) -> Scale:
    """An axis from zero with round marks, just above the highest value."""
    if highest <= 0:
        return Scale(0, 1, (0, 1))
    # People, orders and money have no halves worth a mark: no step below one.
    power = 10.0 ** (len(str(int(max(1.0, highest / steps)))) - 1)
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor * steps >= highest)
    return Scale(0, step * steps, tuple(step * index for index in range(steps + 1)))


def short(value: float) -> str:
    """A number for an axis: 1.2 M, 300 k."""
    for size, unit in ((1e9, "bn"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:g} {unit}"
    return f"{value:g}"


def whisker(point: Point, scale: Scale, told: str) -> Html:
    """One figure as a dot on its interval, to stand in a table row; `told` is its text alternative."""
    parts: list[Html] = [_line(0, 100, 50, 50, "axis")]
    parts += [_line(100 * scale.share(mark), 100 * scale.share(mark), 20, 80, "grid") for mark in scale.marks]
    if point.low is not None and point.high is not None:
        low, high = _span(point, scale)
        parts += [_line(low, high, 50, 50, _css("interval", point))]
        parts += [_line(end, end, 30, 70, _css("interval", point)) for end in (low, high)]
    if point.value is not None:
        parts.append(
            tag(
                "circle",
                cx=f"{100 * scale.share(point.value):.2f}%",
                cy="50%",
                r=5,
                class_=_css("dot", point),
            )
        )
    return _svg(join(parts, ""), told, "whisker", 28)


def trend(points: Sequence[Point], scale: Scale, title: str, told: str, unit: str = "") -> Html:
    """Figures over time with their intervals; a gap stays a gap."""
    step = (RIGHT - LEFT) / max(1, len(points))
    middles = [LEFT + step * (index + 0.5) for index in range(len(points))]
    parts = _frame(scale, unit) + _labels(points, middles)
    for index in range(1, len(points)):
        before, now = points[index - 1], points[index]
        if before.value is not None and now.value is not None:
            ends = (_y(before.value, scale), _y(now.value, scale))
            parts.append(
                tag(
                    "line",
                    x1=f"{middles[index - 1]:.2f}%",
                    x2=f"{middles[index]:.2f}%",
                    y1=ends[0],
                    y2=ends[1],
                    class_="path",
                )
            )
    for point, x in zip(points, middles, strict=True):
        parts += _marked(point, x, scale)
    return _svg(join(parts, ""), told, "chart", HEIGHT, title)


def bars(points: Sequence[Point], scale: Scale, title: str, told: str) -> Html:
    """Amounts per period as columns from zero."""
    step = (RIGHT - LEFT) / max(1, len(points))
    middles = [LEFT + step * (index + 0.5) for index in range(len(points))]
    parts = _frame(scale, "") + _labels(points, middles)
    for point, x in zip(points, middles, strict=True):
        if point.value is None:
            continue
        top, base = _y(point.value, scale), _y(0, scale)
        parts.append(
            tag(
                "rect",
                tag("title", f"{point.label}: {point.value:,.0f}"),
                x=f"{x - step * 0.36:.2f}%",
                width=f"{step * 0.72:.2f}%",
                y=min(top, base),
                height=max(0.5, round(abs(base - top), 1)),
                rx=2,
                class_="bar" if point.enough else "bar small",
            )
        )
    return _svg(join(parts, ""), told, "chart", HEIGHT, title)


def meter(share: float, told: str) -> Html:
    """A share as a bar, to stand in a table row."""
    width = f"{100 * min(1.0, max(0.0, share)):.2f}%"
    parts = [
        tag("rect", x=0, y=9, width="100%", height=10, rx=5, class_="track"),
        tag("rect", x=0, y=9, width=width, height=10, rx=5, class_="bar"),
    ]
    return _svg(join(parts, ""), told, "whisker", 28)


def _marked(point: Point, x: float, scale: Scale) -> list[Html]:
    if point.value is None:
        return []
    parts = []
    if point.low is not None and point.high is not None:
        low, high = _y(point.low, scale), _y(point.high, scale)
        at = f"{x:.2f}%"
        parts.append(tag("line", x1=at, x2=at, y1=low, y2=high, class_=_css("interval", point)))
    parts.append(
        tag(
            "circle",
            tag("title", f"{point.label}: {point.value:.1f}"),
            cx=f"{x:.2f}%",
            cy=_y(point.value, scale),
            r=4.5,
            class_=_css("dot", point),
        )
    )
    return parts


def _frame(scale: Scale, unit: str) -> list[Html]:
    parts: list[Html] = []
    for mark in scale.marks:
        y = _y(mark, scale)
        parts.append(
            tag(
                "line", x1=f"{LEFT}%", x2=f"{RIGHT}%", y1=y, y2=y, class_="grid zero" if mark == 0 else "grid"
            )
        )
        parts.append(
            tag("text", short(mark) + unit, x=f"{LEFT - 0.8}%", y=y + 4, text_anchor="end", class_="tick")
        )
    return parts


def _labels(points: Sequence[Point], middles: Sequence[float]) -> list[Html]:
    """Labels below; at most twelve, and every second of them goes on a narrow screen."""
    every = max(1, -(-len(points) // 9))
    shown = range(0, len(points), every)
    return [
        tag(
            "text",
            points[index].label,
            x=f"{middles[index]:.2f}%",
            y=HEIGHT - 10,
            text_anchor="middle",
            class_="tick wide" if order % 3 else "tick",
        )
        for order, index in enumerate(shown)
    ]


def _svg(content: Html, told: str, css: str, height: int, title: str = "") -> Html:
    label = f"{title}. {told}" if title else told
    return tag("svg", content, role="img", aria_label=label, class_=css, width="100%", height=height)


def _line(x1: float, x2: float, y1: float, y2: float, css: str) -> Html:
    return tag("line", x1=f"{x1:.2f}%", x2=f"{x2:.2f}%", y1=f"{y1}%", y2=f"{y2}%", class_=css)


def _y(value: float, scale: Scale) -> float:
    return round(TOP + (1 - scale.share(value)) * (HEIGHT - TOP - BOTTOM), 1)


def _span(point: Point, scale: Scale) -> tuple[float, float]:
    assert point.low is not None
    assert point.high is not None
    return 100 * scale.share(point.low), 100 * scale.share(point.high)


def _css(name: str, point: Point) -> str:
    return name if point.enough else f"{name} small"
