"""Sections of the report about what customers say: scores, NPS by month, touchpoints; none without its n."""

from cli.report_charts import NPS, SHARE, Point, Scale, short, trend, whisker
from cli.report_data import Figures, Row
from cli.report_figures import MONTHS, SMALL, absent, by, interval, metric_name, month, percent, score
from cli.report_html import Html, columns, details, empty, join, section, table, tag, word

MEANING = {
    "nps": "NPS: share of answers 9 and 10 less share of 0 to 6, from -100 to 100",
    "csat": "CSAT: share of satisfied answers",
    "ces": "CES: mean ease, turned so that higher is easier",
    "rating": "Rating: mean",
}
CHANGE = {True: "significant", False: "within chance", None: "cannot be told"}


def scores(figures: Figures) -> Html:
    """Every question with its sample and interval, and NPS month by month."""
    title = "Customer experience"
    lead = (
        "Whiskers are 95 % intervals: figures whose intervals overlap may well be equal. "
        "A hollow dot stands on fewer than 30 answers."
    )
    if not figures["scores"]:
        why = absent(figures, "marts.cx_scores", "There is no scored answer in this file.")
        return section("scores", title, [why], lead)
    heads = columns("Question", "Metric", "#Score", "#95 % interval", "#n", "~On its scale", "#Response rate")
    cells = []
    for row in figures["scores"]:
        rate = "unknown" if row["response_rate"] is None else percent(row["response_rate"])
        chart, metric = _whisker(figures, row, word(row["question"])), row["metric"]
        figure = (_score(row), interval(metric, row), row["n"])
        cells.append((word(row["question"]), metric_name(metric), *figure, chart, rate))
    used = dict.fromkeys(row["metric"] for row in figures["scores"])
    meaning = "; ".join(MEANING[metric] for metric in used if metric in MEANING)
    parts: list[object] = [
        table("Scores over all answers", heads, cells),
        tag("p", f"{meaning}.", class_="note"),
    ]
    parts += [_nps_trend(question, rows) for question, rows in by(figures["nps_months"], "question")]
    return section("scores", title, parts, lead)


def touchpoints(figures: Figures) -> Html:
    """Feedback split by the part of the journey, the weakest first."""
    title = "Feedback by touchpoint"
    lead = "Each question on its own: scores of different questions or scales are never pooled."
    if not figures["touchpoints"]:
        return section("touchpoints", title, [empty("No scored answer names a touchpoint.")], lead)
    parts = []
    for question, rows in by(figures["touchpoints"], "question"):
        metric = metric_name(rows[0]["metric"])
        heads = columns("Touchpoint", "#n", f"#{metric}", "#95 % interval", "~On its scale")
        cells = []
        for row in rows:
            name = word(row["touchpoint"])
            figure = (_score(row), interval(row["metric"], row))
            cells.append((name, row["n"], *figure, _whisker(figures, row, name)))
        parts.append(table(f"{metric} by touchpoint, {word(question)}", heads, cells, "split"))
    return section("touchpoints", title, parts, lead)


def _nps_trend(question: str, rows: list[Row]) -> Html:
    rows = rows[-MONTHS:]
    title = f"NPS by month, {word(question)}"
    points = [
        Point(month(row["month_start"]), row["score"], row["ci_low"], row["ci_high"], bool(row["enough_n"]))
        for row in rows
    ]
    ends = [f"{score('nps', row['score'])} in {month(row['month_start'])}" for row in (rows[0], rows[-1])]
    told = f"{len(rows)} months from {ends[0]} to {ends[1]}, with 95 % intervals; figures follow below"
    chart = tag("figure", join([tag("figcaption", title), trend(points, NPS, title, told)]))
    heads = columns("Month", "#n", "#NPS", "#95 % interval", "Change to the month before")
    cells = []
    for row in reversed(rows):
        figure = (_score({**row, "metric": "nps"}), interval("nps", row), CHANGE[row["change_significant"]])
        cells.append((month(row["month_start"]), row["n"], *figure))
    return join([chart, details("Figures by month", table(f"{title}, newest first", heads, cells))])


def _whisker(figures: Figures, row: Row, name: str) -> Html:
    metric = row["metric"]
    few = "" if row["enough_n"] else f", {SMALL}"
    told = (
        f"{name}: {score(metric, row['score'])}, 95 % interval {interval(metric, row)}, n {row['n']:,}{few}"
    )
    point = Point(name, row["score"], row["ci_low"], row["ci_high"], bool(row["enough_n"]))
    scale = {"nps": NPS, "csat": SHARE}.get(metric) or _observed(figures, row["question"])
    ends = ("0 %", "100 %") if metric == "csat" else (short(scale.low), short(scale.high))
    marks = join([tag("span", end) for end in ends])
    return tag(
        "div", join([whisker(point, scale, told), tag("div", marks, class_="ends", aria_hidden="true")])
    )


def _observed(figures: Figures, question: str) -> Scale:
    """From the lowest to the highest answer given: the published file does not hold the scale itself."""
    for row in figures["scales"]:
        if row["question"] == question and row["lowest"] < row["highest"]:
            low, high = int(row["lowest"]), int(row["highest"])
            return Scale(low, high, tuple(range(low, high + 1)) if high - low <= 10 else ())
    return Scale(0, 10)


def _score(row: Row) -> Html:
    shown = tag("strong", score(row["metric"], row["score"]))
    return shown if row["enough_n"] else join([tag("span", SMALL, class_="badge"), shown], " ")
