"""Deals of a source that neither logs stages nor dates its rows: builds remember what they saw change."""

from pathlib import Path

from tests.companies import TestCompany

DEALS = {
    "name": "deals",
    "entity": "deal",
    "path": "data/deals_*.csv",
    "key": ["id"],
    "columns": {
        "deal_id": "id",
        "stage": "stage",
        "created_at": "made",
        "closed_at": "close",
        "amount": "amount",
    },
}
HEADER = "id,stage,made,close,amount"
HISTORY = (
    "select record_id, stage, entered_at, left_at, basis from marts.deal_stages order by record_id, entry_no"
)


def at(company: TestCompany, day: str) -> None:
    """Set the clock of the next build."""
    company.settings["clock"] = {"as_of": f"2026-03-{day}T00:00:00Z"}
    company.configure()


def test_what_a_build_saw_is_kept_and_survives_a_full_refresh(tmp_path: Path) -> None:
    """An old deal's first stage has no known entry, a fresh one's began with it; a repeated build adds nothing."""
    source = {"name": "crm", "connector": "files", "tables": [DEALS]}
    company = TestCompany(tmp_path / "co", [source], select=("+deals",))
    company.csv(
        "data/deals_1.csv", HEADER, "1,lead,2026-01-01,2026-03-20,10", "2,lead,2026-03-01,2026-04-01,20"
    )
    at(company, "02")
    company.load_and_build()
    company.csv("data/deals_2.csv", HEADER, "1,offer,2026-01-01,2026-03-30,10")
    at(company, "10")
    company.load_and_build()
    seen = company.rows("select count(*) from customer.deal_observations")
    at(company, "11")
    company.build()
    again = company.rows("select count(*) from customer.deal_observations")
    history = company.rows(HISTORY)
    slips = company.rows("select deal_id, slips, slipped_days, days_in_stage from marts.deals order by 1")
    company.build(full_refresh=True)

    assert (seen, again) == ([(3,)], [(3,)])
    assert [(row[0], row[1], str(row[2]), str(row[3]), row[4]) for row in history] == [
        ("crm.deals:1", "lead", "None", "2026-03-10 00:00:00", "observation"),
        ("crm.deals:1", "offer", "2026-03-10 00:00:00", "None", "observation"),
        ("crm.deals:2", "lead", "2026-03-01 00:00:00", "None", "observation"),
    ]
    assert slips == [("1", 1, 10, 1.0), ("2", 0, 0, 10.0)]
    assert company.rows(HISTORY) == history
