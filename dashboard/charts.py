"""The charts of the dashboard, row by row: which dataset each shows, and how."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dashboard.datasets import (
    AUDIENCES,
    CASES,
    CHURN,
    EXPORTS,
    FRESHNESS,
    KPIS,
    NPS,
    RUNS,
    TOUCHPOINTS,
    Dataset,
)

COLUMNS_OF_GRID = 12


@dataclass(frozen=True)
class Chart:
    """One chart: `width` of the twelve columns of the grid, `params` as Superset stores them."""

    title: str
    dataset: Dataset
    kind: str
    width: int
    params: Mapping[str, Any] = field(default_factory=dict)


def measure(sql: str, label: str) -> dict[str, Any]:
    """A metric by its SQL."""
    return {"expressionType": "SQL", "sqlExpression": sql, "label": label, "optionName": f"m_{label}"}


def where(sql: str) -> dict[str, str]:
    """A condition on the rows."""
    return {"expressionType": "SQL", "sqlExpression": sql, "clause": "WHERE"}


def number(title: str, dataset: Dataset, sql: str, note: str, form: str = ",d") -> Chart:
    """One big number."""
    params = {
        "metric": measure(sql, title),
        "subheader": note,
        "y_axis_format": form,
        "header_font_size": 0.4,
        "subheader_font_size": 0.2,
    }
    return Chart(title, dataset, "big_number_total", 3, params)


def over_time(
    title: str, dataset: Dataset, kind: str, width: int, metrics: Sequence[Mapping[str, Any]], **more: Any
) -> Chart:
    """A series per metric (and per `groupby`) along the dataset's time."""
    params = {
        "x_axis": dataset.time, "metrics": list(metrics), "groupby": [], "row_limit": 1000, "show_legend": True,
        "rich_tooltip": True, "x_axis_time_format": "%Y-%m", "truncate_metric": True, "x_axis_sort_asc": True,
    }  # fmt: skip
    return Chart(title, dataset, kind, width, params | more)


def with_interval(title: str, dataset: Dataset, score: str, label: str) -> Chart:
    """A score and its interval as lines, the number of answers as bars behind them."""
    lines = [
        measure(f"max({score})", label),
        measure("max(ci_low)", "95 % from"),
        measure("max(ci_high)", "95 % to"),
    ]
    params = {
        "x_axis": dataset.time, "metrics": lines, "groupby": [], "seriesType": "line", "markerEnabled": True,
        "metrics_b": [measure("sum(n)", "answers")], "groupby_b": [], "seriesTypeB": "bar", "yAxisIndexB": 1,
        "opacityB": 0.3, "row_limit": 1000, "row_limit_b": 1000, "show_legend": True, "truncate_metric": True,
        "x_axis_time_format": "%Y-%m", "x_axis_sort_asc": True, "rich_tooltip": True,
        "comparison_type": "values", "comparison_type_b": "values",
    }  # fmt: skip
    return Chart(title, dataset, "mixed_timeseries", 8, params)


def table(
    title: str, dataset: Dataset, width: int, columns: Sequence[str], order: str, form: str = "%Y-%m-%d %H:%M"
) -> Chart:
    """Rows as they are, the newest first; shares and scores with three digits."""
    rounded = [name for name in columns if dataset.columns[name] == "DOUBLE"]
    params = {
        "query_mode": "raw", "all_columns": list(columns), "row_limit": 500, "server_page_length": 10,
        "order_by_cols": [f'["{order}", false]'], "table_timestamp_format": form,
        "allow_rearrange_columns": False, "show_cell_bars": False,
        "column_config": {name: {"d3NumberFormat": ",.3~f"} for name in rounded},
    }  # fmt: skip
    return Chart(title, dataset, "table", width, params)


def by_part(
    title: str, dataset: Dataset, width: int, axis: str, part: str | None, metric: Mapping[str, Any]
) -> Chart:
    """Bars by a name, stacked by a part."""
    params = {
        "x_axis": axis, "metrics": [metric], "groupby": [part] if part else [], "stack": "Stack" if part else None,
        "row_limit": 500, "show_legend": bool(part), "show_value": True, "truncate_metric": True,
        "x_axis_sort": axis, "x_axis_sort_asc": True, "xAxisForceCategorical": True, "y_axis_format": "SMART_NUMBER",
    }  # fmt: skip
    return Chart(title, dataset, "echarts_timeseries_bar", width, params)


ROWS: tuple[tuple[Chart, ...], ...] = (
    (
        number("Customers", CHURN, "sum(customers)", "who ever bought"),
        number(
            "Revenue, last whole month", KPIS, "max_by(revenue, month_start)", "in the reporting currency", ",.0f"
        ),
        number("NPS, newest month", NPS, "max_by(nps, month_start)", "see its interval below", "+,.1f"),
        number("Open cases", CASES, "sum(cases)", "unhappy, and nobody has closed it"),
    ),
    (
        over_time(
            "Customers by month", KPIS, "echarts_timeseries_line", 6,
            [
                measure("sum(active_customers)", "active"),
                measure("sum(new_customers)", "new"),
                measure("sum(lost)", "lost"),
            ],
        ),
        over_time(
            "Revenue and orders by month", KPIS, "mixed_timeseries", 6, [measure("sum(revenue)", "revenue")],
            metrics_b=[measure("sum(orders)", "orders")], groupby_b=[], seriesType="bar", seriesTypeB="line",
            yAxisIndexB=1, row_limit_b=1000, y_axis_format="SMART_NUMBER", comparison_type="values",
            comparison_type_b="values",
        ),
    ),
    (
        with_interval("NPS by month, with its 95 % interval", NPS, "nps", "NPS"),
        by_part(
            "Customers by churn risk", CHURN, 4, "churn_band", None, measure("sum(customers)", "customers")
        ),
    ),
    (
        over_time(
            "CSAT by touchpoint and quarter, with the number of answers", TOUCHPOINTS, "mixed_timeseries", 6,
            [measure("max(score)", "CSAT")], groupby=["touchpoint"], markerEnabled=True, y_axis_format=".0%",
            metrics_b=[measure("sum(n)", "answers")], groupby_b=["touchpoint"], seriesType="line", seriesTypeB="bar",
            yAxisIndexB=1, opacityB=0.3, row_limit_b=1000, comparison_type="values", comparison_type_b="values",
            adhoc_filters=[where("metric = 'csat'")], adhoc_filters_b=[where("metric = 'csat'")],
        ),
        table(
            "Scores by touchpoint: interval and number of answers", TOUCHPOINTS, 6,
            ["quarter_start", "touchpoint", "question", "score", "ci_low", "ci_high", "n", "enough_n"],
            "quarter_start", "%Y-%m-%d",
        ),
    ),
    (
        by_part("Open cases by touchpoint", CASES, 4, "touchpoint", "deadline", measure("sum(cases)", "cases")),
        by_part("Members of audiences", AUDIENCES, 4, "audience", "part", measure("sum(members)", "members")),
        by_part(
            "Revenue so far by churn risk", CHURN, 4, "churn_band", None,
            measure("sum(revenue)", "revenue"),
        ),
    ),
    (
        table(
            "Exports: what each sync sent last", EXPORTS, 12,
            [
                "sync", "destination", "purpose", "status", "started_at", "source_rows", "acked", "unchanged",
                "not_allowed", "rejected",
            ],
            "started_at",
        ),
    ),
    (
        table(
            "Freshness of the sources", FRESHNESS, 6,
            ["source", "state", "delivered_at", "promised_hours", "fresh_until"], "delivered_at",
        ),
        table("Runs", RUNS, 6, ["started_at", "command", "status", "exit_code", "seconds"], "started_at"),
    ),
)  # fmt: skip
CHARTS = tuple(chart for row in ROWS for chart in row)
