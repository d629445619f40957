"""What is no longer declared: plain dbt refuses a stale generated set, and relations without a model leave the warehouse."""

import os
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from cli import dbt, relations, warehouse
from cli.dbt import environment
from cli.generate import generate
from cli.publish import publish
from tests.companies import CONTACTS, ORDERS, TestCompany

AUDIENCE = "-- Grain: one row per customer_id.\nselect customer_id from {{ ref('customer_360') }}\n"


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> TestCompany:
    """Two sources, two audiences; built whole."""
    # a folder whose name reads as a glob
    made = TestCompany(
        tmp_path_factory.mktemp("stale") / "co [1]*",
        [
            {"name": "crm", "connector": "files", "tables": [CONTACTS]},
            {"name": "shop", "connector": "files", "tables": [ORDERS]},
        ],
    )
    made.csv("data/contacts1.csv", "id,email,phone,first,last", "1,a@x.io,,Ada,L")
    made.csv(
        "data/orders1.csv",
        "order,at,amount,status,email,contact,changed",
        "o1,2026-01-01,1.00,paid,a@x.io,1,2026-01-02",
    )
    made.model("audiences/everybody.sql", AUDIENCE)
    made.model("audiences/buyers.sql", AUDIENCE)
    made.load_and_build()
    return made


def plain_dbt(company: TestCompany, variables: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    """`dbt run` on one small model, as an analyst's shell would."""
    dbt = Path(sys.executable).with_name("dbt")
    return subprocess.run(
        [str(dbt), "run", "--select", "run_clock"], env=os.environ | variables, capture_output=True, text=True
    )


def test_plain_dbt_refuses_a_set_that_cdp_yml_has_left_behind(company: TestCompany) -> None:
    """Changed cdp.yml, or another audience: the shell's variables and the models are of yesterday. A new mart is no reason."""
    generate(company.company)
    shell = environment(company.company)
    own = company.model("marts/mine.sql", "-- Grain: one row.\nselect 1 as one\n")
    fresh = plain_dbt(company, shell)
    own.unlink()
    text = (company.root / "cdp.yml").read_text()
    (company.root / "cdp.yml").write_text(text + "quality: {max_quarantine: 0.5}\n")
    changed = plain_dbt(company, shell)
    renewed = plain_dbt(company, environment(company.company))
    (company.root / "cdp.yml").write_text(text)
    more = company.model("audiences/more.sql", AUDIENCE)
    added = plain_dbt(company, shell)
    more.unlink()

    assert fresh.returncode == 0, fresh.stdout
    assert renewed.returncode == 0, renewed.stdout
    for refused in (changed, added):
        assert refused.returncode != 0
        assert "the generated models are stale" in refused.stdout
        assert f'eval "$(cdp env --config {company.root / "cdp.yml"})"' in refused.stdout


def names(file: Path) -> set[str]:
    """Relations of a DuckDB file, `schema.name`."""
    with duckdb.connect(str(file), read_only=True) as con:
        return {
            f"{schema}.{name}"
            for schema, name in con.execute(
                "select table_schema, table_name from information_schema.tables"
            ).fetchall()
        }


def test_what_no_model_owns_is_dropped_and_not_published(company: TestCompany) -> None:
    """An audience and a source are taken away: their relations go with the next whole build, history and raw stay."""
    file = company.root / "warehouse" / "cdp.duckdb"
    before = names(file)
    company.model("audiences/buyers.sql", AUDIENCE).unlink()
    company.model("marts/mine.sql", "{{ config(schema='marts') }}\n-- Grain: one row.\nselect 1 as one\n")
    company.sources = company.sources[:1]
    company.configure()
    company.select = ("run_clock",)
    assert company.build().dropped == []
    assert "audiences.buyers" in names(file)
    company.select = ()
    dropped = company.build().dropped
    after = names(file)

    assert {"audiences.buyers", "staging.rows_shop__orders", "staging.stg_shop__orders"} <= before
    assert set(dropped) == {"audiences.buyers", "staging.rows_shop__orders", "staging.stg_shop__orders"}
    assert before - after == set(dropped)
    assert {"raw_shop.orders", "marts.mine"} <= after
    assert company.rows("select distinct audience from marts.audience_members") == [("everybody",)]
    assert company.rows("select count(*) from marts.audience_history where audience = 'buyers'")[0][0] > 0

    (company.root / "models" / "marts" / "mine.sql").unlink()
    assert company.build().dropped == ["marts.mine"]
    with warehouse.connect(company.company) as con:
        con.execute(
            "insert into ops.quality_results values ('run9', 'c', 't', 'warning', true, 0, '', current_timestamp)"
        )
    published = publish(company.company, "run9").tables
    assert published["marts.audience_members"] == 1
    assert "marts.mine" not in published


def test_a_memory_table_outlives_its_model(company: TestCompany) -> None:
    """And a relation that dbt never made is nobody's orphan."""
    owned = relations.owned(dbt.project(company.company))
    with warehouse.connect(company.company) as con:
        con.execute("create or replace table marts.by_hand as select 1 as one")
        lost = owned - {("marts", "audience_history"), ("identity", "registry")}
        assert relations.drop_orphans(con, lost) == []
        assert relations.drop_orphans(con, owned) == []
        assert con.execute("select count(*) from marts.by_hand").fetchall() == [(1,)]
        assert con.execute("select count(*) from marts.audience_history").fetchall()[0][0] > 0
