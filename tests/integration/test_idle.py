"""An incremental build runs what has work to do, and nothing is missed by it."""

from datetime import datetime
from pathlib import Path

import pytest

from cli import build, dbt, overrides, warehouse
from tests.companies import BELOW_MARTS, CONTACTS, ORDERS, TestCompany
from tests.integration.test_identity import on, owners_at

SOURCES = [
    {"name": "crm", "connector": "files", "tables": [CONTACTS]},
    {"name": "shop", "connector": "files", "tables": [ORDERS]},
]
CONTACT = "id,email,phone,first,last"
ORDER = "order,at,amount,status,email,contact,changed"


def _company(path: Path) -> TestCompany:
    company = TestCompany(path, SOURCES, select=(*BELOW_MARTS, "+orders", "+customer_records"))
    company.csv("data/contacts1.csv", CONTACT, "1,an@mail.example,,An,Lê", "2,bo@mail.example,,Bo,Ngô")
    company.csv("data/orders1.csv", ORDER, "o1,2026-01-02,10.00,paid,an@mail.example,1,2026-01-02")
    return company


def _run(company: TestCompany) -> set[str]:
    """Names of the source models and unions that a load and a build have run."""
    company.load()
    names = {node["name"] for node in company.build().nodes}
    return {name for name in names if "__" in name and name.startswith(("rows_", "stg_"))} | (
        names & {"country_names", "stg_contacts"}
    )


CRM = {"rows_crm__contacts", "stg_crm__contacts"}
SHOP = {"rows_shop__orders", "stg_shop__orders"}


def test_only_a_source_with_new_loads_is_read(tmp_path: Path) -> None:
    company = _company(tmp_path / "c")
    assert _run(company) == CRM | SHOP | {"country_names", "stg_contacts"}
    assert _run(company) == set()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dbt, "invoke", _dies)  # nothing to do is found without dbt
        quiet = company.build()
    assert (quiet.nodes, quiet.loads) == ([], 0)
    company.csv("data/orders2.csv", ORDER, "o2,2026-01-03,20.00,paid,bo@mail.example,2,2026-01-03")
    assert _run(company) == SHOP
    company.csv("data/contacts2.csv", CONTACT, "2,bo.new@mail.example,,Bo,Ngô")
    assert _run(company) == CRM

    found = company.rows("select order_id, net_amount, customer_id from marts.orders order by 1")
    assert [row[0] for row in found] == ["o1", "o2"]
    company.build(full_refresh=True)
    assert company.rows("select order_id, net_amount, customer_id from marts.orders order by 1") == found

    # an order that gets another address was somebody else's before
    on(company, "2026-07-01")
    company.csv("data/orders3.csv", ORDER, "o2,2026-01-03,20.00,paid,an@mail.example,1,2026-07-01")
    _run(company)
    past, now = owners_at(company, "2026-06-30"), owners_at(company, "2026-07-01")
    assert {"shop.orders:o1": past["shop.orders:o1"], "shop.orders:o2": past["shop.orders:o2"]} == {
        f"shop.orders:{order}": owner for order, _, owner in found
    }
    assert now["shop.orders:o2"] == now["shop.orders:o1"] == past["shop.orders:o1"] != past["shop.orders:o2"]


def _names(company: TestCompany) -> set[str]:
    return {node["name"] for node in company.build().nodes}


def test_what_other_commands_change_is_work_and_nothing_else(tmp_path: Path) -> None:
    """A moment, a decision by hand, a table that somebody dropped: what is made of it runs, and what is not stays."""
    company = _company(tmp_path / "c")
    _run(company)
    company.settings["clock"] = {"as_of": "2026-07-01T00:00:00Z"}
    company.configure()
    moved = _names(company)
    assert "customer_redirects" in moved  # made of the registry, which knows the clock
    assert not moved & {"node_components", "int_identity__edges", "rows_crm__contacts"}
    assert _names(company) == set()

    owners = company.rows("select record_id, customer_id from marts.customer_records order by 1")
    both = {"a": ["crm.contacts:1", "crm.contacts:2"]}
    with warehouse.connect(company.company) as con:
        overrides.record(con, "merge", both, "test", "", datetime(2026, 6, 1))
    assert {"node_components", "node_customers"} <= _names(company)
    assert company.rows("select record_id, customer_id from marts.customer_records order by 1") != owners

    with warehouse.connect(company.company) as con:
        con.execute("drop table marts.orders")
    again = company.build()
    assert (again.full, again.reason) == (True, "marts.orders is missing")
    assert company.rows("select count(*) from marts.orders") == [(1,)]


def test_a_load_that_a_dead_build_left_is_work(tmp_path: Path) -> None:
    """A build that died marked nothing: its source is read again, beside one that delivers now."""
    company = _company(tmp_path / "c")
    _run(company)
    company.csv("data/orders2.csv", ORDER, "o2,2026-01-03,20.00,paid,bo@mail.example,2,2026-01-03")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build, "_mark", _dies)
        with pytest.raises(RuntimeError, match="died"):
            _run(company)
    assert _run(company) == SHOP
    assert company.rows("select count(*) from marts.orders") == [(2,)]


def _dies(*_: object) -> None:
    raise RuntimeError("died")
