"""Identity: exact components against scipy, stable ids, history, limits, devices that never link."""

import random
from collections.abc import Mapping
from pathlib import Path

import duckdb
import numpy as np
import pytest
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from tests import macros
from tests.companies import CONTACTS, EVENTS, IDENTITY, TestCompany

HEADER = "id,email,phone,first,last"
FILES = [{"name": "crm", "connector": "files", "tables": [{**CONTACTS, "updated_at": "changed"}]}]
CHANGED = HEADER + ",changed"


def crm(path: Path, settings: Mapping[str, object] | None = None) -> TestCompany:
    """A company with one CRM."""
    sources = [{"name": "crm", "connector": "files", "tables": [CONTACTS]}]
    return TestCompany(path, sources, dict(settings or {}), select=IDENTITY)


def owners(company: TestCompany) -> dict[str, str]:
    """Contact id -> customer_id."""
    rows = company.rows(
        "select node_id, customer_id from identity.node_customers where node_id like 'crm.contacts:%'"
    )
    return {node.removeprefix("crm.contacts:"): customer for node, customer in rows}


def groups(assigned: dict[str, str]) -> set[frozenset[str]]:
    """The partition, without the names of its parts."""
    parts: dict[str, set[str]] = {}
    for record, customer in assigned.items():
        parts.setdefault(customer, set()).add(record)
    return {frozenset(part) for part in parts.values()}


def owners_at(company: TestCompany, day: str) -> dict[str, str]:
    """Contact id -> customer_id as the macro `record_owners_as_of` answers for a past day."""
    with duckdb.connect(str(company.root / "warehouse" / "cdp.duckdb"), read_only=True) as con:
        con.execute("set search_path = 'identity,marts,staging'")
        rows = con.execute(macros.sql("record_owners_as_of", f"timestamp '{day}'")).fetchall()
    return {record.removeprefix("crm.contacts:"): customer for record, customer in rows}


def on(company: TestCompany, day: str) -> None:
    """Pin the company's clock."""
    company.settings["clock"] = {"as_of": f"{day}T00:00:00Z"}
    company.configure()


def random_graphs(seed: int, graphs: int) -> list[tuple[str, str, str]]:
    """Contacts (id, email, phone) of many small random graphs, one chain of 10,000 and one hub of 2,000."""
    rng = random.Random(seed)
    rows = []
    for graph in range(graphs):
        size = rng.randint(2, 25)
        values = max(1, int(size * rng.choice([0.3, 0.6, 1.0])))
        for node in range(size):
            email = f"g{graph}v{rng.randrange(values)}@x.io" if rng.random() < 0.8 else ""
            phone = f"+1555{graph:04d}{rng.randrange(values):03d}" if rng.random() < 0.5 else ""
            rows.append((f"g{graph}n{node:02d}", email, phone))
    for node in range(10_000):
        # node n shares its email with n - 1 and its phone with n + 1
        rows.append((f"chain{node:05d}", f"c{(node + 1) // 2}@chain.io", f"+1777{2_345_000 + node // 2}"))
    rows += [(f"hub{node:05d}", "everybody@hub.io", "") for node in range(2_000)]
    rng.shuffle(rows)
    return rows


def scipy_partition(rows: list[tuple[str, str, str]]) -> set[frozenset[str]]:
    """The same components by an independent implementation."""
    ids = {row[0]: number for number, row in enumerate(rows)}
    values: dict[str, int] = {}
    ends = [
        (ids[record], len(ids) + values.setdefault(value, len(values)))
        for record, *carried in rows
        for value in carried
        if value
    ]
    a, b = np.array(ends).T
    size = len(ids) + len(values)
    _, label = connected_components(coo_matrix((np.ones(len(a)), (a, b)), shape=(size, size)), directed=False)
    return groups({record: str(label[number]) for record, number in ids.items()})


@pytest.mark.parametrize("seed", [1])
def test_components_equal_scipy_on_a_thousand_random_graphs(tmp_path: Path, seed: int) -> None:
    """Chains of 10,000 and hubs included; limits are off, so that only the algorithm is judged."""
    settings = {
        "identity": {"salt": "t", "identifiers": {"email": {}, "phone": {}}, "max_cluster_size": 100000}
    }
    company = crm(tmp_path / "c", settings)
    mapped = {"email": "email", "phone": "phone"}
    company.sources = [{"name": "crm", "connector": "files", "tables": [{**CONTACTS, "columns": mapped}]}]
    company.configure()
    rows = random_graphs(seed, 1000)
    company.csv("data/contacts1.csv", HEADER, *(f"{r},{e},{p},A,B" for r, e, p in rows))
    company.load_and_build()

    assert groups(owners(company)) == scipy_partition(rows)


def test_ids_are_stable_through_new_data_refresh_merge_and_split(tmp_path: Path) -> None:
    """A merge keeps the older id and redirects the other; undoing the cause brings it back. Past days stay as they were."""
    company = TestCompany(tmp_path / "c", FILES, select=IDENTITY)
    on(company, "2026-02-01")
    company.csv("data/contacts1.csv", CHANGED, "1,a@x.io,,A,L,2026-01-01", "2,b@x.io,,B,L,2026-01-01")
    company.load_and_build()
    first = owners(company)
    company.csv("data/contacts2.csv", CHANGED, "3,c@x.io,,C,L,2026-01-01", "0,0@x.io,,Z,L,2026-01-01")
    on(company, "2026-02-02")
    company.load_and_build()
    second = owners(company)
    assert {k: second[k] for k in first} == first

    company.csv("data/contacts3.csv", CHANGED, "3,b@x.io,,C,L,2026-01-02")
    on(company, "2026-02-03")
    company.load_and_build()
    merged = owners(company)
    assert merged["3"] == merged["2"] == first["2"]
    company.build(full_refresh=True)
    assert owners(company) == merged
    redirects = company.rows("select old_customer_id, new_customer_id from marts.customer_redirects")
    assert [new for _, new in redirects] == [first["2"]]

    company.csv("data/contacts4.csv", CHANGED, "3,c@x.io,,C,L,2026-01-03")
    on(company, "2026-02-04")
    company.load_and_build()
    after = owners(company)
    assert after["2"] == first["2"]
    assert after["3"] == redirects[0][0]
    events = company.rows("select event, count(*) from marts.customer_id_history group by 1 order by 1")
    assert events == [("created", 4), ("merged", 1), ("split", 1)]
    told = company.rows(
        "select event, cause, link_value, record_a, record_b, run_id, cast(occurred_at as date)::varchar"
        " from marts.customer_id_history where event in ('merged', 'split') order by event_seq"
    )
    assert told == [
        ("merged", "same email", "b@x.io", "crm.contacts:3", "crm.contacts:2", "run3", "2026-02-03"),
        (
            "split",
            f"no longer linked to {first['2']}: same email no longer: crm.contacts:3 was corrected",
            "b@x.io",
            "crm.contacts:3",
            "crm.contacts:2",
            "run4",
            "2026-02-04",
        ),
    ]
    past = [
        owners_at(company, f"2026-{day}") for day in ("01-31", "02-01", "02-02 12:00:00", "02-03", "02-04")
    ]
    assert past == [{}, first, second, merged, after]


def test_an_id_survives_the_deletion_of_the_record_it_was_seeded_on(tmp_path: Path) -> None:
    """The person is still there: the id moves to the smallest record that is left."""
    table = {**CONTACTS, "updated_at": "changed", "deleted_at": "gone"}
    company = TestCompany(
        tmp_path / "c", [{"name": "crm", "connector": "files", "tables": [table]}], select=IDENTITY
    )
    header = CHANGED + ",gone"
    company.csv("data/contacts1.csv", header, "1,a@x.io,,A,L,2026-01-01,", "2,a@x.io,,A,L,2026-01-01,")
    company.load_and_build()
    before = owners(company)
    company.csv("data/contacts2.csv", header, "1,a@x.io,,A,L,2026-01-02,2026-01-02")
    company.load_and_build()

    assert owners(company) == owners_at(company, "9999-01-01") == {"2": before["2"]}


DELETABLE = {**CONTACTS, "updated_at": "changed", "deleted_at": "gone"}
DELETING = [{"name": "crm", "connector": "files", "tables": [DELETABLE]}]


def test_a_record_that_comes_back_does_not_take_the_id_that_lives_elsewhere(tmp_path: Path) -> None:
    """Record 1 seeded the id, was deleted and returns as somebody else: record 2 keeps the id, 1 gets a new one."""
    company = TestCompany(tmp_path / "c", DELETING, select=IDENTITY)
    header = CHANGED + ",gone"
    company.csv("data/contacts1.csv", header, "1,a@x.io,,A,L,2026-01-01,", "2,a@x.io,,A,L,2026-01-01,")
    company.load_and_build()
    first = owners(company)["2"]
    company.csv("data/contacts2.csv", header, "1,a@x.io,,A,L,2026-01-02,2026-01-02")
    company.load_and_build()
    company.csv("data/contacts3.csv", header, "1,other@x.io,,O,L,2026-01-03,")
    company.load_and_build()
    returned = owners(company)

    assert returned["2"] == first
    assert returned["1"] != first
    company.build(full_refresh=True)
    assert owners(company) == returned


def test_an_absorbed_id_is_redirected_after_its_record_is_deleted(tmp_path: Path) -> None:
    """Who asks for the absorbed id is still told who stands for it."""
    company = TestCompany(tmp_path / "c", DELETING, select=IDENTITY)
    header = CHANGED + ",gone"
    for number, row in enumerate(("1,a@x.io,,A,L,2026-01-01,", "2,b@x.io,,A,L,2026-01-01,")):
        company.csv(f"data/contacts{number}.csv", header, row)
        company.load_and_build()
    first = owners(company)
    company.csv("data/contacts3.csv", header, "2,a@x.io,,A,L,2026-01-02,")
    company.load_and_build()
    company.csv("data/contacts4.csv", header, "2,a@x.io,,A,L,2026-01-03,2026-01-03")
    company.load_and_build()

    assert owners(company) == {"1": first["1"]}
    redirects = company.rows("select old_customer_id, new_customer_id from marts.customer_redirects")
    assert redirects == [(first["2"], first["1"])]


def test_shuffled_rows_and_files_give_identical_ids_and_shuffled_loads_the_same_people(
    tmp_path: Path,
) -> None:
    """Within a first load ids depend on records, not on the order they stand in; loads in another order rename them only.
    Nothing but new data changes them: not a second run, not a full refresh.
    """
    rows = [f"{r},{e},{p},A,B" for r, e, p in random_graphs(5, 40) if r.startswith("g")]
    assert 400 < len(rows) < 600
    found = []
    for number in range(2):
        company = crm(tmp_path / f"c{number}")
        mixed = list(rows)
        random.Random(number).shuffle(mixed)
        company.csv("data/contacts1.csv", HEADER, *mixed[: 200 + 200 * number])
        company.csv("data/contacts2.csv", HEADER, *mixed[200 + 200 * number :])
        company.load_and_build()
        found.append(owners(company))
    company.load_and_build()
    again = owners(company)
    company.build(full_refresh=True)
    refreshed = owners(company)
    in_loads = crm(tmp_path / "loads")
    by_key = sorted(rows, reverse=True)
    for number in range(3):
        in_loads.csv(f"data/contacts{number}.csv", HEADER, *by_key[200 * number : 200 * number + 200])
        in_loads.load_and_build()
    renamed = owners(in_loads)

    assert found[0] == found[1] == again == refreshed
    assert groups(renamed) == groups(found[0])
    assert len(groups(renamed)) < len(renamed) - 100
    assert renamed != found[0], "ids are seeded on the records that came first"


def test_junk_and_shared_values_never_link(tmp_path: Path) -> None:
    """Role mailboxes, placeholders and values over their limit lose all links, with a reason."""
    company = crm(tmp_path / "c")
    rows = [f"m{i},info@firm.io,,A{i},L" for i in range(30)]
    rows += [f"p{i},,+84900000000,A{i},L" for i in range(30)]
    rows += [f"h{i},,+84912345671,A{i},L" for i in range(11)]
    rows += [f"t{i},test@test.com,,A{i},L" for i in range(3)]
    rows += [f"f{i},,+84912345672,An,L" for i in range(10)]
    rows += [f"n{i},desk@firm.io,,Name{i},L" for i in range(6)]
    rows += [f"x{i}, n/a ,0000000000,A,L" for i in range(2)]
    company.csv("data/contacts1.csv", HEADER, *rows, "y1,n/a,,A,L", "y2,ok@firm.io,not given,A,L")
    company.load_and_build()
    sizes = sorted(len(part) for part in groups(owners(company)))

    assert sizes == [1] * 84 + [10]
    assert company.rows("select value, reason, profiles from marts.identity_quarantine order by 1") == [
        ("+84900000000", "placeholder", 30),
        ("+84912345671", "over limit of profiles", 11),
        ("0000000000", "no phone", 2),
        ("desk@firm.io", "too many given names", 6),
        ("info@firm.io", "role mailbox", 30),
        ("n/a", "no email", 3),
        ("not given", "no phone", 1),
        ("test@test.com", "placeholder", 3),
    ]

    # one is corrected, another comes: the same as from a full build
    company.csv("data/contacts2.csv", HEADER, "y1,y@firm.io,,A,L", "y3,n/a,none,A,L")
    company.load_and_build()
    found = company.rows("select value, reason, profiles from marts.identity_quarantine order by 1")
    assert [one for one in found if one[1].startswith("no ")] == [
        ("0000000000", "no phone", 2),
        ("n/a", "no email", 3),
        ("none", "no phone", 1),
        ("not given", "no phone", 1),
    ]
    company.build(full_refresh=True)
    assert company.rows("select value, reason, profiles from marts.identity_quarantine order by 1") == found


def test_a_value_that_crosses_its_limit_is_decided_again_for_every_holder(tmp_path: Path) -> None:
    """The eleventh holder of a phone takes the links of the other ten with it."""
    company = crm(tmp_path / "c")
    company.csv("data/contacts1.csv", HEADER, *(f"h{i:02d},,+84912345671,A,L" for i in range(10)))
    company.load_and_build()
    assert len(groups(owners(company))) == 1
    company.csv("data/contacts2.csv", HEADER, "h10,,+84912345671,A,L")
    company.load_and_build()

    assert len(groups(owners(company))) == 11
    causes = company.rows(
        "select regexp_replace(cause, 'c_[0-9a-f]+', 'ID'), link_value, count(*) from marts.customer_id_history"
        " where cause <> 'new record' group by all"
    )
    told = "split from ID: same phone no longer: quarantined, over limit of profiles"
    assert causes == [(told, "+84912345671", 9)]


def event(number: int, minute: int, **fields: object) -> dict[str, object]:
    """A page view of device d1."""
    at = f"2026-01-01T00:{minute:02d}:00Z"
    return {"messageId": f"m{number}", "type": "page", "anonymousId": "d1", "timestamp": at, **fields}


def slices(company: TestCompany) -> list[tuple[str, str | None]]:
    """Event -> user, by the identifiers of its owner."""
    return company.rows(
        """
        select events.message_id, ids.identifier_value
        from staging.stg_events as events
        inner join customer.event_owners as owned on events.record_id = owned.record_id
        left join (
            select distinct nodes.customer_id, carried.identifier_value
            from identity.node_customers as nodes
            inner join identity.int_identity__identifiers as carried on nodes.node_id = carried.node_id
        ) as ids on owned.customer_id = ids.customer_id
        order by 1
        """
    )


def test_a_shared_device_is_sliced_by_logins_and_links_nobody(tmp_path: Path) -> None:
    """Before the first login: the first login's person; then each login until the next; own identifiers win."""
    company = TestCompany(tmp_path / "c", [EVENTS], select=IDENTITY)
    company.jsonl(
        "spool/a.jsonl",
        event(1, 1),
        event(2, 2, userId="u1"),
        event(3, 3),
        event(4, 4, userId="u2"),
        event(5, 5),
        {**event(6, 6), "anonymousId": "d2"},
    )
    company.load_and_build()

    assert slices(company) == [
        ("m1", "u1"),
        ("m2", "u1"),
        ("m3", "u1"),
        ("m4", "u2"),
        ("m5", "u2"),
        ("m6", None),
    ]
    assert company.rows("select count(distinct customer_id) from identity.node_customers") == [(2,)]


def test_late_and_shuffled_logins_give_the_slices_of_ordered_ones(tmp_path: Path) -> None:
    """A login that arrives late re-slices its device and touches the old and the new owner."""
    events = [event(1, 1), event(2, 2, userId="u1"), event(3, 3), event(4, 4, userId="u2"), event(5, 5)]
    late = TestCompany(tmp_path / "late", [EVENTS], select=IDENTITY)
    for number, index in enumerate([4, 0, 3, 2, 1]):
        late.jsonl(f"spool/{number}.jsonl", events[index])
        late.load_and_build()
    by_runs = slices(late)
    late.build(full_refresh=True)

    assert by_runs == slices(late)
    assert by_runs == [("m1", "u1"), ("m2", "u1"), ("m3", "u1"), ("m4", "u2"), ("m5", "u2")]
