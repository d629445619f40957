"""The zip that Superset imports (`superset import-dashboards`, or Dashboards > Import): database, datasets, charts, layout.

Every part has a uuid of its own that never changes, so that importing again overwrites and does not double.
"""

import io
import uuid
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from dashboard.charts import CHARTS, ROWS, Chart
from dashboard.datasets import DATASETS, Dataset

VERSION = "1.0.0"
TITLE = "Customers and experience"
SLUG = "cdp"
SPACE = uuid.UUID("6f1c3f0e-5d2b-4c57-9a41-0f6c3a9f1d10")
# A zip has no years before 1980; the same export is the same bytes.
MOMENT, ZIP_MOMENT = "2026-01-01T00:00:00+00:00", (2026, 1, 1, 0, 0, 0)
# Superset's word for it; 0 would be for ever. What is published is read, however Superset's cache is set.
NO_CACHE = -1
HEIGHTS = {"big_number_total": 20, "table": 44}


def pack(published: Path) -> bytes:
    """The export, on this published file."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files(published).items():
            text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
            archive.writestr(zipfile.ZipInfo(f"cdp_dashboard/{name}", ZIP_MOMENT), text)
    return out.getvalue()


def files(published: Path) -> dict[str, dict[str, Any]]:
    """Every file of the export, as values."""
    return {
        "metadata.yaml": {"version": VERSION, "type": "Dashboard", "timestamp": MOMENT},
        "databases/cdp.yaml": _database(published),
        **{f"datasets/cdp/{one.name}.yaml": _dataset(one) for one in DATASETS},
        **{f"charts/{_slug(one.title)}.yaml": _chart(one) for one in CHARTS},
        "dashboards/cdp.yaml": _dashboard(),
    }


def _database(published: Path) -> dict[str, Any]:
    return {
        "database_name": "cdp",
        "sqlalchemy_uri": f"duckdb:///{published}",
        "cache_timeout": NO_CACHE,
        "expose_in_sqllab": True,
        "allow_run_async": False,
        "allow_ctas": False,
        "allow_cvas": False,
        "allow_dml": False,
        # a handle keeps the version it opened: Superset opens one per query, and may not write
        "extra": {"engine_params": {"connect_args": {"read_only": True}}},
        "uuid": _uuid("database"),
        "version": VERSION,
    }


def _dataset(one: Dataset) -> dict[str, Any]:
    return {
        "table_name": one.name,
        "main_dttm_col": one.time,
        "description": one.description,
        "schema": None,
        "sql": one.sql.strip(),
        "metrics": [],
        "columns": [_column(name, kind) for name, kind in one.columns.items()],
        "uuid": _uuid(one.name),
        "version": VERSION,
        "database_uuid": _uuid("database"),
    }


def _column(name: str, kind: str) -> dict[str, Any]:
    return {
        "column_name": name,
        "is_dttm": kind in ("DATE", "TIMESTAMP"),
        "is_active": True,
        "type": kind,
        "groupby": True,
        "filterable": True,
    }


def _chart(one: Chart) -> dict[str, Any]:
    return {
        "slice_name": one.title,
        "description": one.dataset.description,
        "viz_type": one.kind,
        "params": {"viz_type": one.kind, "adhoc_filters": [], "color_scheme": "supersetColors", **one.params},
        "cache_timeout": NO_CACHE,
        "uuid": _uuid(one.title),
        "version": VERSION,
        "dataset_uuid": _uuid(one.dataset.name),
    }


def _dashboard() -> dict[str, Any]:
    return {
        "dashboard_title": TITLE,
        "description": "On the published file of `cdp run`; each score with its sample size and interval.",
        "css": "",
        "slug": SLUG,
        "published": True,
        "uuid": _uuid("dashboard"),
        "position": dict(_position()),
        "metadata": {"refresh_frequency": 0, "color_scheme": "supersetColors", "cross_filters_enabled": True},
        "version": VERSION,
    }


def _position() -> Iterator[tuple[str, Any]]:
    """The grid: rows of charts, twelve columns wide."""
    rows = [f"ROW-{number}" for number in range(len(ROWS))]
    yield "DASHBOARD_VERSION_KEY", "v2"
    yield "ROOT_ID", {"id": "ROOT_ID", "type": "ROOT", "children": ["GRID_ID"]}
    yield "HEADER_ID", {"id": "HEADER_ID", "type": "HEADER", "meta": {"text": TITLE}}
    yield "GRID_ID", {"id": "GRID_ID", "type": "GRID", "children": rows, "parents": ["ROOT_ID"]}
    for row, charts in zip(rows, ROWS, strict=True):
        ids = [f"CHART-{CHARTS.index(chart)}" for chart in charts]
        meta = {"background": "BACKGROUND_TRANSPARENT"}
        yield (
            row,
            {"id": row, "type": "ROW", "children": ids, "meta": meta, "parents": ["ROOT_ID", "GRID_ID"]},
        )
        for name, chart in zip(ids, charts, strict=True):
            placed = {
                "chartId": CHARTS.index(chart) + 1,
                "uuid": _uuid(chart.title),
                "sliceName": chart.title,
                "width": chart.width,
                "height": HEIGHTS.get(chart.kind, 50),
            }
            parents = ["ROOT_ID", "GRID_ID", row]
            yield name, {"id": name, "type": "CHART", "children": [], "meta": placed, "parents": parents}


def _slug(title: str) -> str:
    return "".join(letter if letter.isalnum() else "_" for letter in title.lower())


def _uuid(name: str) -> str:
    return str(uuid.uuid5(SPACE, name))
