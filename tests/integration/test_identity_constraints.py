"""No super-clusters: components that break a constraint are taken apart, the same way whatever the history.

Compared with `tests/identity_oracle.py`, which adds links back one by one in Python.
"""

import os
import random
from pathlib import Path
from typing import Any

import pytest

from tests.companies import IDENTITY, TestCompany
from tests.identity_oracle import Person, Rules, clusters
from tests.integration.test_identity import groups, owners

HISTORIES = 30 if os.environ.get("CDP_PROOF") else 5
TABLE = {
    "name": "contacts",
    "entity": "contact",
    "path": "data/contacts*.csv",
    "key": ["id"],
    "updated_at": "changed",
    "deleted_at": "gone",
    "columns": {
        "email": "email",
        "phone": "phone",
        "user_id": "user",
        "birth_date": "born",
        "first_name": "first",
    },
}
WHOLE = (*IDENTITY, "+customer_records")
# Models after which a build may die, in their order.
DEATHS = (
    "affected_nodes", "node_components", "int_identity__cut_clusters", "registry", "int_identity__assigned", "touched_owners",
    "node_customers", "customer_id_history", "customer_redirects", "customer_records",
)  # fmt: skip
HEADER = "id,email,phone,user,born,first,changed,gone"
LIMITED: dict[str, Any] = {
    "identity": {
        "salt": "t",
        "max_cluster_size": 12,
        "identifiers": {
            "user_id": {"scope": "source", "max_per_customer": 2},
            "email": {"max_profiles": 20},
            "phone": {"max_profiles": 10},
        },
    }
}
RULES = Rules(max_per_customer={"user_id": 2}, max_cluster_size=12)
BORN = ("", "", "1980-02-03", "1980-03-02", "1980-02-13", "1995-07-21", "1995-01-01", "2001-12-30")


def company_of(path: Path, settings: dict[str, Any] | None = None) -> TestCompany:
    """A company with one CRM whose rows can change and be deleted."""
    sources = [{"name": "crm", "connector": "files", "tables": [TABLE]}]
    return TestCompany(path, sources, dict(settings or LIMITED), select=WHOLE)


def crowd(rng: random.Random, people: int, values: int) -> list[Person]:
    """Records that share few values: many components, many contradictions."""
    found = []
    for number in range(people):
        place = rng.randrange(max(1, people // 15))
        held = {"user_id": f"u{number // 2}"} if rng.random() < 0.7 else {}
        if rng.random() < 0.8:
            held["email"] = f"p{place}v{rng.randrange(values)}@x.io"
        if rng.random() < 0.6:
            held["phone"] = f"+1555{place:04d}{rng.randrange(values):03d}"
        found.append(Person(f"{number:04d}", held, rng.choice(BORN)))
    return found


def line(person: Person, changed: str, gone: str = "") -> str:
    """The record as a csv line."""
    email, phone, user = (person.values.get(kind, "") for kind in ("email", "phone", "user_id"))
    return f"{person.key},{email},{phone},{user},{person.born},An,{changed},{gone}"


@pytest.mark.parametrize("seed", [1, 2])
def test_broken_components_are_cut_as_one_link_after_the_other_would(tmp_path: Path, seed: int) -> None:
    """Birth dates, numbers of user ids and sizes at once, on 900 records."""
    people = crowd(random.Random(seed), 900, 6)
    company = company_of(tmp_path / "c")
    company.csv("data/contacts1.csv", HEADER, *(line(person, "2026-01-01") for person in people))
    company.load_and_build()
    found = groups(owners(company))

    assert found == clusters(people, RULES)
    reasons = {row[0] for row in company.rows("select distinct reason from identity.skipped_links")}
    assert reasons == {"contradictory birth dates", "more than 2 user_id"}
    cut = company.rows("select count(*) from marts.customer_id_history where event = 'cut'")
    assert cut == company.rows("select count(*) from identity.skipped_links")
    assert cut > company.rows("select count(*) from marts.identity_cuts")
    assert company.rows("select count(*) from identity.review_queue where item = 'cut'") == cut


def test_a_cluster_stops_at_its_size(tmp_path: Path) -> None:
    """Fifteen records of one mailbox, nothing speaks against it: at most twelve together, the size is the reason."""
    people = [Person(f"{number:04d}", {"email": "a@x.io"}) for number in range(15)]
    company = company_of(tmp_path / "c")
    company.csv("data/contacts1.csv", HEADER, *(line(person, "2026-01-01") for person in people))
    company.load_and_build()
    found = groups(owners(company))

    assert found == clusters(people, RULES)
    assert 1 < max(len(part) for part in found) <= 12
    assert company.rows("select distinct reason from identity.skipped_links") == [("more than 12 records",)]


def state(company: TestCompany) -> dict[str, list[tuple[Any, ...]]]:
    """Everything that must not depend on history."""
    queries = {
        "owners": "select * from identity.node_customers order by all",
        "values": "select * from identity.identifier_values order by all",
        "skipped": "select * from identity.skipped_links order by all",
        "cuts": "select * from marts.identity_cuts order by all",
        "refused": "select * from marts.identity_quarantine order by all",
        "redirects": "select * from marts.customer_redirects order by all",
        "ids": "select * from identity.int_identity__live_ids order by all",
        "records": "select * from marts.customer_records order by all",
        "bridges": "select * from identity.identity_bridges order by all",
    }
    return {name: company.rows(sql) for name, sql in queries.items()}


# Ids whose last told change is not what stands for them now.
UNTOLD = """
with told as (
    select old_customer_id, new_customer_id,
        row_number() over (partition by old_customer_id order by event_seq desc) as age
    from marts.customer_id_history where event in ('created', 'merged', 'split')
)
select present.customer_id, present.winner_id, told.new_customer_id
from identity.int_identity__live_ids as present
left join told on present.customer_id = told.old_customer_id and told.age = 1
where told.new_customer_id is distinct from present.winner_id
"""


# Changes that do not say what did them.
UNNAMED = """
select event, cause from marts.customer_id_history
where (event = 'split' or cause like 'split from %') and cause not like '%: %'
    or event = 'merged' and cause = 'linked through other records'
"""


def die_after(company: TestCompany, model: str) -> None:
    """A build that ends after this model and what it needs, and is never marked."""

    def killed(*_: object) -> None:
        raise RuntimeError("killed")

    company.select = (f"+{model}",)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cli.build._mark", killed)
        with pytest.raises(RuntimeError, match="killed"):
            company.build()
    company.select = WHOLE


@pytest.mark.parametrize("seed", range(HISTORIES))
def test_any_history_gives_what_a_full_build_gives(tmp_path: Path, seed: int) -> None:
    """Law 2 for identity: late, duplicated, reordered and deleted rows and decisions by hand, in several builds, some killed."""
    from cli import overrides, warehouse

    rng = random.Random(1000 + seed)
    company = company_of(tmp_path / "c")
    now: dict[str, Person] = {}
    day = 0
    for number in range(rng.randint(2, 4)):
        lines = []
        for person in crowd(rng, 120, 5):
            if rng.random() < 0.5:
                continue
            day += 1
            at = f"2026-{1 + day // 800:02d}-{1 + day // 32 % 25:02d}T{day % 24:02d}:{day % 60:02d}:00"
            gone = at if rng.random() < 0.06 else ""
            lines.append(line(person, at, gone))
            now.pop(person.key, None)
            if not gone:
                now[person.key] = person
        lines += rng.sample(lines, len(lines) // 10)
        rng.shuffle(lines)
        company.csv(f"data/contacts{number}.csv", HEADER, *lines)
        company.load()
        with warehouse.connect(company.company) as con:
            for _ in range(rng.randint(0, 2)):
                one, other = (f"crm.contacts:{key}" for key in rng.sample(sorted(now), 2))
                verb, sides = rng.choice(
                    [
                        ("merge", {"a": [one, other]}),
                        ("split", {"a": [one], "b": [other]}),
                        ("pin", {"record": [one], "target": [other]}),
                    ]
                )
                from datetime import UTC, datetime

                overrides.record(con, verb, sides, "tester", "", datetime.now(UTC).replace(tzinfo=None))
        if number and rng.random() < 0.6:
            die_after(company, rng.choice(DEATHS))
            if rng.random() < 0.5:
                continue
        company.build()
    company.build()
    piecemeal = state(company)
    assert company.rows(UNTOLD) == []
    company.build(full_refresh=True)

    assert state(company) == piecemeal
    assert company.rows(UNTOLD) == []
    assert company.rows(UNNAMED) == []


def told(company: TestCompany, event: str) -> list[tuple[str, str, str]]:
    """Cause and records of the changes of one kind, oldest first."""
    return company.rows(
        "select cause, record_a, record_b from marts.customer_id_history"
        f" where event = '{event}' order by event_seq"
    )


def test_a_split_by_hand_holds_and_its_undo_gives_the_state_before(tmp_path: Path) -> None:
    """Merge, then split: the merge is revoked, and without new data nothing is left of both but their memory."""
    from datetime import datetime

    from cli import overrides, warehouse

    company = company_of(tmp_path / "c")
    company.csv(
        "data/contacts1.csv",
        HEADER,
        "1,a@x.io,,,,An,2026-01-01,",
        "2,a@x.io,,,,An,2026-01-01,",
        "3,c@x.io,,,,An,2026-01-01,",
    )
    company.load_and_build()
    before, first = state(company), owners(company)
    assert first["1"] == first["2"] != first["3"]

    def decide(verb: str, sides: dict[str, list[str]], hour: int) -> tuple[int, list[int]]:
        with warehouse.connect(company.company) as con:
            return overrides.record(con, verb, sides, "me", "", datetime(2026, 6, 1, hour))

    decide("merge", {"a": ["crm.contacts:1", "crm.contacts:3"]}, 1)
    company.build()
    merged = owners(company)
    assert len(set(merged.values())) == 1
    causes = company.rows(
        "select cause, record_a, record_b from marts.customer_id_history where event = 'merged'"
    )
    assert causes == [("override 1", "crm.contacts:1", "crm.contacts:3")] or causes[0][0] == "override 1"

    assert decide("split", {"a": ["crm.contacts:1"], "b": ["crm.contacts:3"]}, 2) == (2, [1])
    company.build()
    assert state(company) == before
    assert owners(company) == first
    ends = (
        ["crm.contacts:3", "crm.contacts:1"]
        if merged["1"] == first["1"]
        else ["crm.contacts:1", "crm.contacts:3"]
    )
    assert told(company, "split") == [
        (f"no longer linked to {merged['1']}: override 2 keeps them apart", *ends)
    ]

    decide("split", {"a": ["crm.contacts:1"], "b": ["crm.contacts:2"]}, 3)
    company.build()
    apart = owners(company)
    assert apart["1"] != apart["2"]
    assert company.rows("select reason from marts.identity_cuts") == [("kept apart by hand",)]
    assert told(company, "created")[-1] == (
        f"split from {first['1']}: override 3 keeps them apart", "crm.contacts:2", "crm.contacts:1"
    )  # fmt: skip
    company.build(full_refresh=True)
    assert owners(company) == apart


def test_a_pinned_record_leaves_its_identifiers(tmp_path: Path) -> None:
    """It belongs to whom somebody said; the mailbox it shares no longer joins it to others."""
    from datetime import datetime

    from cli import overrides, warehouse

    company = company_of(tmp_path / "c")
    company.csv(
        "data/contacts1.csv",
        HEADER,
        "1,a@x.io,,,,An,2026-01-01,",
        "2,a@x.io,,,,An,2026-01-01,",
        "3,c@x.io,,,,An,2026-01-01,",
    )
    company.load_and_build()
    first = owners(company)
    with warehouse.connect(company.company) as con:
        sides = {"record": ["crm.contacts:2"], "target": ["crm.contacts:3"]}
        overrides.record(con, "pin", sides, "me", "", datetime(2026, 6, 1))
    company.build()
    now = owners(company)

    assert now["2"] == now["3"] != now["1"]
    events = company.rows(
        "select event, cause, old_customer_id, new_customer_id, record_a from marts.customer_id_history"
        " where event = 'pinned'"
    )
    assert events == [("pinned", "override 1", first["2"], first["3"], "crm.contacts:2")]
    with warehouse.connect(company.company) as con:
        overrides.revoke(con, 1, datetime(2026, 6, 2))
    company.build()
    assert owners(company) == first
    assert len(told(company, "pinned")) == 1
