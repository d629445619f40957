"""dbt's unit tests and tables of cases, and the lints over the manifest: once, on an empty build of the simulated company."""

from pathlib import Path
from typing import Any

import pytest

from cli import dbt, idle, warehouse
from cli.column_tests import column_tests, failures
from cli.config import load_company
from cli.generate import PROJECT, schema_text
from tests import lint


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path, Path]:
    """Manifest, target folder and company folder."""
    folder = tmp_path_factory.mktemp("dbt")
    manifest, target = lint.built("demo", folder)
    return manifest, target, folder / "demo"


def test_unit_tests_and_cases_pass(built: tuple[dict[str, Any], Path, Path]) -> None:
    """Every rule of a mart that a unit test protects, every normaliser's table of cases."""
    result = dbt.invoke(
        load_company(built[2] / "cdp.yml"), ["test", "--select", "test_type:unit", "tag:cases"]
    )
    failed = [f"{node['name']}: {node['message']}" for node in result.nodes if node["status"] != "pass"]

    assert failed == []
    assert result.error is None
    assert len(result.nodes) >= 20


def test_layers_point_one_way(built: tuple[dict[str, Any], Path, Path]) -> None:
    """Staging is the only reader of raw; nothing points back."""
    assert list(lint.layers(built[0])) == []
    assert list(lint.imports()) == []


def test_every_model_says_its_grain_and_every_mart_keeps_a_contract(
    built: tuple[dict[str, Any], Path, Path],
) -> None:
    """Grain, description, contract, columns, key tests."""
    assert list(lint.models(built[0])) == []


def test_compiled_models_are_spark_sql(built: tuple[dict[str, Any], Path, Path]) -> None:
    """The same models must build on Spark later."""
    assert list(lint.spark(built[1])) == []
    assert len(list((built[1] / "compiled").rglob("*.sql"))) > 100


def test_a_view_that_is_idle_says_the_same_in_a_part_of_a_build_as_in_a_whole_one(
    built: tuple[dict[str, Any], Path, Path],
) -> None:
    """What `cli/idle.py` leaves as it is does not ask which build this is: compiled as both it is one text."""
    company = load_company(built[2] / "cdp.yml")
    manifest = dbt.project(company)
    fickle = idle.Fickle(manifest)
    models = [node for node in manifest.nodes.values() if str(node.resource_type) == "model"]
    views = {node.name for node in models if node.config.materialized in ("view", "ephemeral")}
    asking = {node.name for node in models if fickle.asks(node)}
    texts = []
    for mode in ([], ["--full-refresh"]):
        assert dbt.invoke(company, ["compile", "--select", "resource_type:model", *mode]).error is None
        compiled = built[1] / "compiled" / "warehouse_cdp"
        found = {node.name: compiled / str(node.original_file_path) for node in models}
        texts.append(
            {name: path.read_text(encoding="utf-8") for name, path in found.items() if path.is_file()}
        )
    partial, whole = texts
    differ = {name for name, text in partial.items() if text != whole[name]}

    assert len(views & set(partial)) > 60
    assert differ & views <= asking
    assert len(differ) > 20, "incremental models do ask, so the comparison can tell"


def test_every_command_has_help_an_example_and_a_place_in_the_readme() -> None:
    """A command nobody can find does not exist."""
    assert list(lint.commands()) == []


def test_the_shipped_schema_is_that_of_the_code() -> None:
    """`docs/cdp.schema.json` is generated: `make schema` writes it."""
    assert (PROJECT / "docs" / "cdp.schema.json").read_text(encoding="utf-8") == schema_text()


BAD_ROWS = """
    insert into marts.orders (order_key, record_id, customer_id, source, order_id) values
        ('a', 'r', 'nobody', 's', '1'), ('a', 'r2', 'somebody', null, '2'), (null, null, null, 's', null);
    insert into marts.cx_scores (score_id, metric, period, dimension, n, response_rate) values
        ('x', 'bogus', 'month', 'all', 0, 2.0), ('x', 'wrong', 'fortnight', null, -3, -1.0),
        (null, null, null, 'all', null, null);
    insert into marts.rfm_thresholds (measure, score) values ('recency', 9), ('recency', 9), ('height', 1);
"""


def test_tests_in_batches_answer_as_dbt_does(built: tuple[dict[str, Any], Path, Path]) -> None:
    """The gate asks the simple tests itself, for speed: every name and every number of failures must be dbt's."""
    company = load_company(built[2] / "cdp.yml")
    with warehouse.connect(company) as con:
        for statement in BAD_ROWS.split(";")[:-1]:
            con.execute(statement)
        ours = {test.name: failed for test, failed, _ in failures(con, column_tests(dbt.project(company)))}
    folders = ("commerce", "cx", "customer_360")
    asked = ["test", "--select", *(f"path:models/marts/{name},test_type:data" for name in folders)]
    theirs = {node["name"]: node["failures"] or 0 for node in dbt.invoke(company, asked).nodes}
    both = ours.keys() & theirs.keys()

    assert {name: ours[name] for name in both} == {name: theirs[name] for name in both}
    assert len(both) > 100
    assert sum(1 for name in both if ours[name]) > 15
