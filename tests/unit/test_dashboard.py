"""The export is whole: every chart has its dataset and its place, and importing it again doubles nothing."""

import io
import zipfile
from pathlib import Path

import yaml

from dashboard.charts import CHARTS, COLUMNS_OF_GRID, ROWS
from dashboard.datasets import DATASETS
from dashboard.pack import files, pack

PUBLISHED = Path("/srv/acme/warehouse/marts.duckdb")


def test_every_chart_has_its_dataset_and_its_place() -> None:
    """Superset links the parts by their uuids."""
    parts = files(PUBLISHED)
    datasets = {part["uuid"] for name, part in parts.items() if name.startswith("datasets/")}
    charts = {part["uuid"]: part for name, part in parts.items() if name.startswith("charts/")}
    placed = [
        one["meta"]
        for one in parts["dashboards/cdp.yaml"]["position"].values()
        if isinstance(one, dict) and one["type"] == "CHART"
    ]

    assert len(charts) == len(CHARTS) == len({chart.title for chart in CHARTS})
    assert {part["dataset_uuid"] for part in charts.values()} == datasets
    assert len(datasets) == len(DATASETS)
    assert sorted(one["uuid"] for one in placed) == sorted(charts)
    assert all(sum(chart.width for chart in row) == COLUMNS_OF_GRID for row in ROWS)


def test_the_same_export_is_the_same_bytes_and_reads_only() -> None:
    """The file is opened read-only: a tool that writes would leave a log beside it."""
    whole = pack(PUBLISHED)
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        database = yaml.safe_load(archive.read("cdp_dashboard/databases/cdp.yaml"))
        names = archive.namelist()

    assert whole == pack(PUBLISHED)
    assert "cdp_dashboard/metadata.yaml" in names
    assert database["sqlalchemy_uri"] == f"duckdb:///{PUBLISHED}"
    assert database["extra"]["engine_params"]["connect_args"] == {"read_only": True}
    assert database["allow_dml"] is False


def test_no_chart_names_a_column_that_its_dataset_lacks() -> None:
    """Superset would say so only when somebody looks."""
    for chart in CHARTS:
        named = [
            chart.params.get("x_axis"),
            *chart.params.get("groupby", []),
            *chart.params.get("groupby_b", []),
            *chart.params.get("all_columns", []),
        ]
        assert {name for name in named if name} <= set(chart.dataset.columns), chart.title
