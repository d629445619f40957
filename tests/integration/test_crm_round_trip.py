"""The CRM round trip: a correction goes out, the CRM delivers it back with a new stamp, and nothing happens any more."""

import csv
from datetime import UTC, datetime
from typing import Any

import duckdb
import pytest
from typer.testing import CliRunner, Result

from cli.app import app
from cli.syncs import destination_specs, purpose_specs, sync_specs
from pipelines.exports import ExportResult, run_syncs
from tests.companies import BELOW_MARTS, TestCompany

MOMENT = datetime(2026, 6, 30, tzinfo=UTC)
HEAD = "id,email,phone,first,last,created,changed"
TABLE: dict[str, Any] = {
    "name": "contacts",
    "entity": "contact",
    "key": ["id"],
    "updated_at": "changed",
    "columns": {
        "email": "email",
        "phone": "phone",
        "first_name": "first",
        "last_name": "last",
        "created_at": "created",
    },
}
SOURCES = [
    {"name": name, "connector": "files", "tables": [TABLE | {"path": f"data/{name}*.csv"}]}
    for name in ("crm", "shop")
]
SYNCS = {
    "sync_list_corrections": """-- Grain: one row per record.
select record_id, record_key as crm_id, customer_id, email, phone
from {{ ref('contact_corrections') }} where source = 'crm' and coalesce(email, phone) is not null
""",
    "sync_list_merges": """-- Grain: one row per pair.
select pair_id, customer_id, kept_record_id, duplicate_record_id
from {{ ref('record_duplicates') }} where source = 'crm' and state = 'approved'
""",
}
EXPOSURES = """exposures:
  - name: corrections
    type: application
    owner: {name: test, email: t@x.io}
    depends_on: ["ref('sync_list_corrections')"]
    config: {meta: {sync: {destination: list, key: crm_id, mode: upsert, purpose: upkeep, columns: [crm_id, email, phone],
      writes_back: {record: record_id, fields: {email: email, phone: phone}}}}}
  - name: merges
    type: application
    owner: {name: test, email: t@x.io}
    depends_on: ["ref('sync_list_merges')"]
    config: {meta: {sync: {destination: list, key: pair_id, mode: upsert, purpose: upkeep, guards: {allow_empty: true}}}}
"""


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> TestCompany:
    """Anna is in the shop with an address and twice in the CRM without one; identity knows her by her telephone."""
    made = TestCompany(
        tmp_path_factory.mktemp("trip") / "co",
        SOURCES,
        {
            "purposes": {"upkeep": {"basis": "contract"}},
            "destinations": {
                "list": {"type": "file", "path": "out/{sync}.csv", "format": "csv", "formula_cells": "keep"}
            },
        },
        select=(
            *BELOW_MARTS,
            *(f"+{name}" for name in SYNCS),
            "profile_history",
            "+consents",
            "+suppressions",
        ),
    )
    for name, sql in SYNCS.items():
        made.model(f"syncs/{name}.sql", sql)
    made.model("syncs/_syncs.yml", EXPOSURES)
    made.csv("data/shop1.csv", HEAD, "s1,anna@x.io,+84901234567,Anna,Huber,2026-01-05,2026-01-05T00:00:00Z")
    made.csv(
        "data/crm1.csv",
        HEAD,
        "k1,,+84901234567,Anna,Huber,2026-01-01,2026-01-01T00:00:00Z",
        "k2,,+84901234567,Anna,Huber,2026-02-01,2026-02-01T00:00:00Z",
    )
    made.load_and_build()
    return made


def export(company: TestCompany) -> ExportResult:
    """Send what is due, at the pinned moment."""
    found = company.company
    with duckdb.connect(str(found.warehouse)) as con:
        return run_syncs(
            con,
            sync_specs(found),
            purpose_specs(found),
            destination_specs(found, with_secrets=False),
            run_id=f"run{company.runs}",
            as_of=MOMENT,
            now=MOMENT,
        )


def sent(company: TestCompany, sync: str) -> list[dict[str, str]]:
    """The rows of a file that was sent."""
    with (company.root / "out" / f"{sync}.csv").open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def golden(company: TestCompany) -> list[tuple[Any, ...]]:
    """What is shown, who says so, and since when."""
    return company.rows(
        "select customer_id, field, parts, source, record_id, changed_at from marts.golden_fields order by all"
    )


def cdp(company: TestCompany, *words: str) -> Result:
    """One command on this company."""
    return CliRunner().invoke(app, [*words, "--config", str(company.root / "cdp.yml")])


def test_a_correction_that_comes_back_is_no_change(company: TestCompany) -> None:
    """Both records get the shop's address; returned, it neither votes nor is sent again. An approved pair is sent."""
    first = export(company)
    before, people = golden(company), company.rows("select * from identity.node_customers order by all")
    pair = company.rows("select * exclude(customer_id, decided_at) from marts.record_duplicates")

    assert first.exit_code == 0
    assert [(row["crm_id"], row["email"]) for row in sent(company, "corrections")] == [
        ("k1", "anna@x.io"),
        ("k2", "anna@x.io"),
    ]
    assert [one[1:] for one in pair] == [("crm", "contacts", "crm.contacts:k1", "crm.contacts:k2", "open")]
    assert sent(company, "merges") == []
    assert cdp(company, "duplicates", "approve", pair[0][0], "--author", "lan").exit_code == 0
    assert "decision waits" in cdp(company, "duplicates", "list", "--source", "crm").stdout
    assert cdp(company, "duplicates", "approve", "d_nobody").exit_code != 0
    company.csv(
        "data/crm2.csv",
        HEAD,
        "k1,Anna@X.io,+84901234567,Anna,Huber,2026-01-01,2026-07-02T00:00:00Z",
        "k2,anna@x.io,+84901234567,Anna,Huber,2026-02-01,2026-07-02T00:00:00Z",
    )
    company.load_and_build()
    done = {one.sync: one for one in export(company).syncs}
    again = done["corrections"]

    assert (again.status, again.added + again.changed + again.removed + again.retried) == ("unchanged", 0)
    assert again.unchanged == 2
    assert golden(company) == before
    assert company.rows("select * from identity.node_customers order by all") == people
    assert company.rows(
        "select distinct excluded_because from marts.golden_fields where field = 'email'"
    ) == [("written by us",)]
    assert [row["pair_id"] for row in sent(company, "merges")] == [pair[0][0]]


def test_a_human_who_types_another_address_is_left_alone(company: TestCompany) -> None:
    """Their word votes, and nothing of ours is written over it; a pair that was rejected is sent no more."""
    company.csv(
        "data/crm3.csv", HEAD, "k1,anna@work.io,+84901234567,Anna,Huber,2026-01-01,2026-07-03T00:00:00Z"
    )
    pair = sent(company, "merges")[0]["pair_id"]
    assert cdp(company, "duplicates", "reject", pair, "--author", "lan").exit_code == 0
    company.load_and_build()
    export(company)

    assert [(row["crm_id"], row["email"]) for row in sent(company, "corrections")] == [("k2", "anna@work.io")]
    assert company.rows("select parts, source from marts.golden_fields where field = 'email'") == [
        ("anna@work.io", "crm")
    ]
    assert sent(company, "merges") == []
    assert company.rows("select verb, author from identity.duplicate_decisions order by id") == [
        ("approved", "lan"),
        ("rejected", "lan"),
    ]
