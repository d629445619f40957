"""One mailbox and one telephone on everybody's record: nobody merges, the values are listed, the time grows with the rows.

Small: 1,000 and 4,000 records a value; at full size (`CDP_PROOF=1`) 25,000 and 100,000.
"""

import os
from pathlib import Path

from benchmarks.identity_speed import identity_nodes
from benchmarks.spans import wall_seconds
from tests.companies import CONTACTS, IDENTITY, TestCompany

FULL = bool(os.environ.get("CDP_PROOF"))
HOLDERS = (25_000, 100_000) if FULL else (1_000, 4_000)
MAILBOX, PHONE = "reception@hotel.example", "+84912345678"
# Four times the rows may take twice as long again as four times the time: the machine is noisy. Pairs would take 16 times.
SLACK = 2.0


def _shared(path: Path, holders: int) -> tuple[TestCompany, float]:
    """A company whose contacts come in pairs by an address of their own, and all share a mailbox or a telephone."""
    company = TestCompany(
        path,
        [{"name": "crm", "connector": "files", "tables": [CONTACTS]}],
        select=(*IDENTITY, "+customer_records"),
    )
    rows = [f"m{i},{MAILBOX},+8491{3_000_000 + i // 2},Name{i // 2},L" for i in range(holders)]
    rows += [f"p{i},own{i // 2}@mail.example,{PHONE},Name{i // 2},L" for i in range(holders)]
    company.csv("data/contacts1.csv", "id,email,phone,first,last", *rows)
    return company, wall_seconds(identity_nodes(company.load_and_build()))


def test_values_that_everybody_shares_merge_nobody_and_cost_no_pairs(tmp_path: Path) -> None:
    (_, few), (company, many) = (_shared(tmp_path / str(holders), holders) for holders in HOLDERS)
    holders = HOLDERS[1]

    sizes = company.rows(
        "select size, count(*) from (select count(*) as size from marts.customer_records group by customer_id) group by 1"
    )
    assert sizes == [(2, holders)]  # the pairs that their own address or telephone joins, and nobody else
    found = company.rows("select value, profiles from marts.identity_quarantine order by 1")
    assert found == [(PHONE, holders), (MAILBOX, holders)]
    assert many / few < SLACK * HOLDERS[1] / HOLDERS[0]
