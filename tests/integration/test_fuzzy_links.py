"""Probable links in the warehouse: trained once, scored as records come, cut where others contradict, undone by hand."""

import csv
import random
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from benchmarks.corruption import COLUMNS, people_records
from cli import fuzzy_judge, identity, overrides, warehouse
from cli.build import BuildResult
from tests.companies import BELOW_MARTS, TestCompany
from tests.integration.test_identity import groups, owners

TABLE = {
    "name": "contacts",
    "entity": "contact",
    "path": "data/contacts*.csv",
    "key": ["record_id"],
    "updated_at": "changed",
    "deleted_at": "gone",
    "columns": {column: column for column in COLUMNS if column not in ("record_id", "source")},
}
FUZZY = {"merge_at": 0.97, "review_at": 0.8}  # on by default
Row = Mapping[str, Any]
AS_OF = datetime(2026, 6, 30)


def company_of(path: Path, **fuzzy: Any) -> TestCompany:
    """A company with one CRM full of errors."""
    sources = [{"name": "crm", "connector": "files", "tables": [TABLE]}]
    settings = {"identity": {"salt": "t", "fuzzy": FUZZY | fuzzy}}
    return TestCompany(path, sources, settings, select=(*BELOW_MARTS, "+customer_records"))


def deliver(company: TestCompany, name: str, rows: Sequence[Row], changed: str = "2026-01-01") -> None:
    """A file of contacts."""
    path = company.root / "data" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, [*COLUMNS, "changed", "gone"])
        writer.writeheader()
        for row in rows:
            writer.writerow({"changed": changed, "gone": ""} | dict(row))


def decide(company: TestCompany, verb: str, a: str, b: str) -> None:
    """A decision by hand on two records."""
    sides = {"a": [a, b]} if verb == "merge" else {"a": [a], "b": [b]}
    with warehouse.connect(company.company) as con:
        overrides.record(con, verb, sides, "t", "", AS_OF)


def state(company: TestCompany) -> dict[str, list[Any]]:
    """What must not depend on how the records came: links, cuts, people, confidences, what is to be reviewed."""
    return {
        "people": sorted(sorted(part) for part in groups(owners(company))),
        "pairs": company.rows("select * from identity.int_identity__fuzzy_links order by record_a, record_b"),
        "cuts": company.rows("select * from identity.fuzzy_cuts order by all"),
        "records": company.rows(
            "select record_id, matched_by, confidence from marts.customer_records order by all"
        ),
        "review": company.rows("select * from identity.review_queue order by all"),
    }


@pytest.fixture(scope="module")
def people() -> list[dict[str, Any]]:
    """Some 380 records of 160 people, with errors."""
    return people_records("medium", 160, 3)[0]


@pytest.fixture(scope="module")
def first(
    tmp_path_factory: pytest.TempPathFactory, people: list[dict[str, Any]]
) -> tuple[TestCompany, BuildResult]:
    """A company whose first run has trained."""
    company = company_of(tmp_path_factory.mktemp("fuzzy") / "c")
    deliver(company, "contacts1.csv", people[:300])
    return company, company.load_and_build()


def test_the_first_run_trains_and_says_so(first: tuple[TestCompany, BuildResult]) -> None:
    """Links that no identifier makes, each with its weights; confidence below 1 where nothing else holds a record."""
    company, built = first

    contacts = company.rows("select count(*) from staging.stg_contacts")[0][0]
    assert contacts > 280  # a few have a birth date that is none
    assert built.told == f"trained identity_model.json on {contacts} contacts: review it"
    joined = company.rows("""
        select count(*) from identity.int_identity__fuzzy_links as links
        join identity.node_customers as a on links.record_a = a.node_id
        join identity.node_customers as b on links.record_b = b.node_id and a.customer_id = b.customer_id
        where is_link and weights['given'] is not null
    """)[0][0]
    assert joined > 100
    unsure = company.rows(
        "select count(*), min(confidence) from marts.customer_records where confidence < 1 and matched_by like '%fuzzy%'"
    )[0]
    assert unsure[0] > 10
    assert unsure[1] > 0.5
    assert company.rows(
        "select count(*) from marts.customer_records where confidence < 1 and matched_by = 'email'"
    ) == [(0,)]


def test_histories_give_what_one_build_gives(
    first: tuple[TestCompany, BuildResult], people: list[dict[str, Any]], tmp_path: Path
) -> None:
    """Late, changed, deleted and doubled records, a merge and a split, a build that dies between scoring and judging."""
    company, _ = first
    model = company.company.identity_model.read_bytes()
    rng = random.Random(5)
    changed = [
        row | {"last_name": people[rng.randrange(300)]["last_name"]} for row in rng.sample(people[:300], 12)
    ]
    gone = [row | {"gone": "2026-02-02"} for row in rng.sample(people[:300], 8)]
    doubtful = company.rows(
        "select record_a, record_b from identity.review_queue where item = 'pair' order by all limit 1"
    )[0]
    linked = company.rows("""
        select record_a, record_b from identity.int_identity__fuzzy_links as links
        where is_link and not exists (
            select 1 from identity.int_identity__linking as a join identity.int_identity__linking as b using (value_key)
            where a.node_id = links.record_a and b.node_id = links.record_b
        ) order by match_weight desc limit 1
    """)[0]
    deliver(company, "contacts2.csv", [*people[300:350], *people[:10]])
    company.load_and_build()
    decide(company, "merge", *doubtful)
    decide(company, "split", *linked)
    deliver(company, "contacts3.csv", [*people[350:], *changed], "2026-02-01")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fuzzy_judge, "judge", _dies)
        with pytest.raises(RuntimeError, match="died"):
            company.load_and_build()
    deliver(company, "contacts4.csv", gone, "2026-02-02")
    spoken_of = {f"crm.contacts:{row['record_id']}" for row in (*changed, *gone)}
    pinned = next(one for (one,) in company.rows(HELD_BY_PROBABILITY) if one not in spoken_of)
    with warehouse.connect(company.company) as con:
        sides = {"record": [pinned], "target": [doubtful[0]]}
        number, _ = overrides.record(con, "pin", sides, "t", "", AS_OF)
    company.load_and_build()
    assert (
        company.rows(
            f"select * from identity.int_identity__fuzzy_links where '{pinned}' in (record_a, record_b)"
        )
        == []
    )
    with warehouse.connect(company.company) as con:
        overrides.revoke(con, number, AS_OF)
    company.build()
    found = state(company)

    assert found["cuts"]
    assert company.company.identity_model.read_bytes() == model
    owner = owners(company)
    one, other = (record.removeprefix("crm.contacts:") for record in doubtful)
    assert owner[one] == owner[other]
    assert not [item for item in found["review"] if {item[1], item[2]} == set(doubtful)]
    one, other = (record.removeprefix("crm.contacts:") for record in linked)
    assert owner[one] != owner[other]
    company.build(full_refresh=True)
    assert state(company) == found

    again = company_of(tmp_path / "again")
    again.company.identity_model.write_bytes(model)
    latest = {row["record_id"]: row for row in [*people, *changed]}
    dead = {row["record_id"] for row in gone}
    rows = [row for key, row in latest.items() if key not in dead]
    rng.shuffle(rows)
    deliver(again, "contacts1.csv", rows)
    again.load()
    decide(again, "merge", *doubtful)
    decide(again, "split", *linked)
    again.build()
    assert {key: state(again)[key] for key in ("people", "pairs", "cuts", "records")} == {
        key: found[key] for key in ("people", "pairs", "cuts", "records")
    }


HELD_BY_PROBABILITY = "select record_id from marts.customer_records where matched_by = 'fuzzy' order by 1"


def _dies(*_: object) -> None:
    raise RuntimeError("died")


def test_a_probable_link_is_explained(first: tuple[TestCompany, BuildResult]) -> None:
    """With its probability and the weight of each comparison."""
    company, _ = first
    record = company.rows("""
        select record_id from marts.customer_records where matched_by = 'fuzzy' and confidence < 1 order by 1 limit 1
    """)[0][0]
    with warehouse.connect(company.company) as con:
        links = identity.explain(con, record)["links"]

    hop = next(one for one in links if one["identifier"] == "fuzzy" and record in (one["start"], one["end"]))
    assert float(hop["value"].split(":")[0]) > 0.5
    assert "given " in hop["value"]
    assert hop["first_seen_at"], "when the later of both was first there"


def test_switched_off_they_are_gone(first: tuple[TestCompany, BuildResult]) -> None:
    """Every id that they had absorbed stands for itself again."""
    company, _ = first
    before = len(groups(owners(company)))
    company.settings = {"identity": {"salt": "t", "fuzzy": {"enabled": False}}}
    company.configure()
    told = company.rows("select max(event_seq) from marts.customer_id_history")[0][0]
    assert company.build().reason == "rules changed"

    assert company.rows("select count(*) from identity.fuzzy_pairs") == [(0,)]
    assert company.rows("select min(confidence) from marts.customer_records") == [(1.0,)]
    assert len(groups(owners(company))) > before
    parted = company.rows(
        f"select cause from marts.customer_id_history where event_seq > {told}"
        " and (event = 'split' or cause like 'split from %')"
    )
    assert {cause.split(": ", 1)[-1] for (cause,) in parted if "probable" in cause} == {
        "probable link no longer: probable links are switched off"
    }
    assert all(": " in cause for (cause,) in parted), "no split without what parted them"
    company.settings = {"identity": {"salt": "t", "fuzzy": FUZZY}}
    company.configure()
    company.build()
    assert len(groups(owners(company))) == before


def test_too_few_contacts_wait(tmp_path: Path, people: list[dict[str, Any]]) -> None:
    """No file is written that would say no for ever; when enough have come, the run trains."""
    company = company_of(tmp_path / "c")
    deliver(company, "contacts1.csv", people[:60])
    assert company.load_and_build().told is None
    assert not company.company.identity_model.exists()
    deliver(company, "contacts2.csv", people[60:200])
    built = company.load_and_build()

    assert not built.full
    assert built.told is not None
    assert built.told.startswith("trained identity_model.json on 19")
    found = state(company)
    assert company.build().full is False
    company.build(full_refresh=True)
    assert state(company) == found
