"""Tables, views and parts of builds as our materialisations make them, on models that change between two builds."""

from pathlib import Path

import pytest

from cli import dbt
from cli.build import prepare
from tests.companies import CONTACTS, TestCompany

ADDS = (
    "{{{{ config(materialized='incremental', incremental_strategy='append', on_schema_change='{what}') }}}}\n"
)
PYTHON = """def model(dbt, session):
    dbt.config(materialized="incremental", incremental_strategy="append")
    return session.sql("select {row}")
"""


@pytest.fixture
def company(tmp_path: Path) -> TestCompany:
    """Nothing but the models of a test."""
    made = TestCompany(tmp_path / "c", [{"name": "crm", "connector": "files", "tables": [CONTACTS]}])
    made.load()
    return made


def run(company: TestCompany, sql: str, name: str = "told.sql") -> str:
    """Build the one model; what dbt said, where it failed."""
    company.model(name, sql)
    prepare(company.company)
    result = dbt.invoke(company.company, ["run", "--select", "told"])
    return "" if result.success else str(result.nodes or result.error)


def kept(company: TestCompany) -> tuple[list[str], list[tuple[object, ...]]]:
    """Columns and rows of the model; nothing else may be left beside it."""
    names = [name for (name,) in company.rows("select column_name from (describe staging.told)")]
    beside = company.rows("select table_name from duckdb_tables() where table_name like 'told_%'")
    assert beside == []
    return names, company.rows("select * from staging.told order by a")


@pytest.mark.parametrize(
    ("what", "columns", "rows"),
    [
        ("append_new_columns", ["a", "b", "c"], [(1, "x", None), (2, None, 3.5)]),
        ("ignore", ["a", "b"], [(1, "x"), (2, None)]),
    ],
)
def test_a_part_with_other_columns(
    company: TestCompany, what: str, columns: list[str], rows: list[tuple[object, ...]]
) -> None:
    """What is new is added where that is asked for; what is gone stays with nulls; the order means nothing."""
    assert run(company, ADDS.format(what=what) + "select 1 as a, 'x' as b") == ""
    assert run(company, ADDS.format(what=what) + "select cast(3.5 as double) as c, 2 as a") == ""
    assert kept(company) == (columns, rows)


def test_a_part_with_other_columns_is_refused_where_that_is_asked_for(company: TestCompany) -> None:
    """The table stays as it was, and the same columns go on."""
    model = ADDS.format(what="fail")
    assert run(company, model + "select 1 as a") == ""
    assert "the model has other columns than its table (b)" in run(company, model + "select 2 as a, 3 as b")
    assert run(company, model + "select 4 as a") == ""
    assert kept(company) == (["a"], [(1,), (4,)])


def test_a_python_model_adds_too(company: TestCompany) -> None:
    """Its rows are written beside by a connection of their own."""
    assert run(company, PYTHON.format(row="1 as a"), "told.py") == ""
    assert run(company, PYTHON.format(row="2 as a"), "told.py") == ""
    assert kept(company) == (["a"], [(1,), (2,)])


def test_a_view_and_a_table_take_each_others_place(company: TestCompany) -> None:
    """Whatever was there under the name."""
    for n, kind in enumerate(("view", "table", "view", "view", "incremental", "table")):
        more = ", incremental_strategy='append'" if kind == "incremental" else ""
        assert run(company, f"{{{{ config(materialized='{kind}'{more}) }}}}\nselect {n} as a") == ""
        assert kept(company) == (["a"], [(n,)])
