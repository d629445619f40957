"""What a build must write last: memory of the state before it, which a build that is killed has to find again."""

import json
from pathlib import Path
from typing import Any

from cli import dbt
from cli.generate import generate
from tests.companies import CONTACTS, ORDERS, TestCompany

Graph = dict[str, list[str]]


def parents(root: Path) -> Graph:
    """Model -> the models it depends on, by the manifest of a company."""
    company = TestCompany(root, [{"name": "shop", "connector": "files", "tables": [CONTACTS, ORDERS]}])
    generate(company.company)
    assert dbt.invoke(company.company, ["parse"]).error is None
    manifest: dict[str, Any] = json.loads((company.company.dot / "target" / "manifest.json").read_text())
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


def test_the_memory_of_former_orders_is_written_after_all_that_reads_it(tmp_path: Path) -> None:
    """Else a build that is killed in between never finds the former order of a moved line again."""
    graph = parents(tmp_path / "c")
    before = ancestors(graph, "order_records")
    readers = {name for name, nodes in graph.items() if {"touched_orders", "touched_customers"} & set(nodes)}

    assert readers >= {"orders", "order_lines", "customer_touches"}
    assert readers - before - {"order_records"} == set()
