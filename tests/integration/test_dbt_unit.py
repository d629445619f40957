"""dbt's unit tests and the order of the build, on one small company: CI runs them here, `cdp run` does not."""

import json
from typing import Any

import pytest

from cli import dbt
from tests.companies import CONTACTS, ORDERS, TestCompany

Graph = dict[str, list[str]]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> TestCompany:
    """A company with one contact and one order, built."""
    sources = [{"name": "shop", "connector": "files", "tables": [CONTACTS, ORDERS]}]
    company = TestCompany(tmp_path_factory.mktemp("unit") / "c", sources)
    company.csv("data/contacts1.csv", "id,email,phone,first,last", "1,a@x.io,,A,L")
    company.csv(
        "data/orders1.csv",
        "order,changed,at,amount,status,email,contact",
        "o1,2026-01-01,2026-01-01,5,paid,a@x.io,1",
    )
    company.load_and_build()
    return company


def test_every_dbt_unit_test_passes(built: TestCompany) -> None:
    """At least one per folder of marts; a unit test that errors fails as well."""
    result = dbt.invoke(built.company, ["test", "--select", "test_type:unit"])

    assert result.error is None
    assert [(node["name"], node["message"]) for node in result.nodes if node["status"] != "pass"] == []
    assert len(result.nodes) > 20


def parents(built: TestCompany) -> Graph:
    """Model -> the models it depends on."""
    manifest: dict[str, Any] = json.loads((built.company.dot / "target" / "manifest.json").read_text())
    return {
        node["name"]: [one.split(".")[-1] for one in node["depends_on"]["nodes"]]
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model"
    }


def ancestors(graph: Graph, name: str) -> set[str]:
    """Everything that is built before a model."""
    found: set[str] = set()
    open_ends = [name]
    while open_ends:
        for parent in graph.get(open_ends.pop(), []):
            if parent not in found:
                found.add(parent)
                open_ends.append(parent)
    return found


def test_the_memory_of_former_orders_is_written_after_all_that_reads_it(built: TestCompany) -> None:
    """Else a build that is killed in between never finds the former order of a moved line again."""
    graph = parents(built)
    before = ancestors(graph, "order_records")
    readers = {name for name, nodes in graph.items() if {"touched_orders", "touched_customers"} & set(nodes)}

    assert readers >= {"orders", "order_lines", "customer_timeline"}
    assert readers - before - {"order_records"} == set()
