"""Audiences through merges and broken builds, and consents over random histories against an oracle, on one small company."""

import random
from datetime import datetime

import pytest

from cli import consents, warehouse
from cli.syncs import purpose_specs
from tests.companies import AS_OF, BELOW_MARTS, TestCompany
from tests.consent_oracle import Row, expected, people

PEOPLE = 120
MEMBERS = 40
NOW = datetime.fromisoformat(AS_OF.replace("Z", ""))
DAYS = (
    "2025-06-29 00:00:00",
    "2025-06-30 00:00:00",
    "2025-07-01 00:00:00",
    "2026-06-01 09:00:00",
    "2026-06-02 09:00:00",
)
SOURCES = [
    {
        "name": "crm",
        "connector": "files",
        "region": "VN",
        "tables": [
            {
                "name": "contacts", "entity": "contact", "path": "data/contacts*.csv", "key": ["id"], "updated_at": "changed",
                "columns": {"email": "email", "phone": "phone", "last_name": "last", "email_opt_out": "opt_out"},
            },
            {
                "name": "consents", "entity": "consent", "path": "data/consents*.csv", "key": ["id"],
                "columns": {"email": "email", "phone": "phone", "channel": "channel", "purpose": "purpose", "state": "word",
                            "occurred_at": "at"},
            },
            {
                "name": "messages", "entity": "message", "path": "data/messages*.csv", "key": ["id"],
                "columns": {"email": "email", "kind": "word", "channel": "channel", "occurred_at": "at"},
            },
            {
                "name": "preferences", "entity": "preference", "path": "data/preferences*.csv", "key": ["id"], "updated_at": "at",
                "columns": {"email": "email", "phone": "phone", "frequency": "word", "channel": "channel"},
            },
        ],
    }
]  # fmt: skip
SETTINGS = {
    "purposes": {
        "news": {"basis": "consent", "channel": "email", "expires_after": "365d"},
        "texts": {"basis": "consent", "channel": "sms", "expires_after": "365d"},
        "surveys": {"basis": "legitimate_interest", "channel": "email"},
        "invoices": {"basis": "contract", "channel": "email"},
    },
    "audiences": {"vip": {"max_change": 0.2, "holdout": 0.5}},
}
AUDIENCE = "select customer_id from {{ ref('golden_records') }} where last_name = 'Vip'\n"


def address(n: int) -> str:
    """Mail address of person n."""
    return f"p{n}@x.io"


def number(n: int) -> str:
    """Number of person n, as it is kept."""
    return f"+84901{n:06d}"


def history(rng: random.Random) -> list[Row]:
    """Random contacts and statements; people with two contacts, addresses and numbers that meet, ties, times that lack."""
    rows = [
        Row(
            "contacts",
            f"c{n}",
            address(n),
            number(n),
            at=rng.choice(DAYS),
            word=rng.choice(["", "", "", "true", "false"]),
        )
        for n in range(PEOPLE)
    ]
    rows += [
        Row("contacts", f"d{n}", f"other{n}@x.io", number(n), at=rng.choice(DAYS))
        for n in range(0, PEOPLE, 4)
    ]
    for n in range(PEOPLE * 4):
        one = rng.randrange(MEMBERS, PEOPLE)
        both = (
            {"email": address(one), "phone": number(one)} if rng.random() < 0.3 else {"email": address(one)}
        )
        if rng.random() < 0.15 and one % 4 == 0:
            both = {"email": f"other{one}@x.io"}
        word = rng.choice(["granted"] * 5 + ["denied", "withdrawn", "objected", "maybe"])
        is_open = word in ("denied", "withdrawn", "objected")
        purpose = rng.choice(["news", "news", "texts", "surveys", *([""] if is_open else [])])
        channel = {"news": "email", "texts": "sms", "surveys": "email", "": rng.choice(["", "email", "sms"])}[
            purpose
        ]
        rows.append(
            Row(
                "consents",
                f"k{n}",
                **both,
                channel=channel,
                purpose=purpose,
                word=word,
                at=rng.choice([*DAYS, "2026-07-09 00:00:00"]),
            )
        )
    for n in range(PEOPLE // 4):
        word = rng.choice(["unsubscribed", "complained", "opened", "sent"])
        rows.append(
            Row(
                "messages",
                f"m{n}",
                address(rng.randrange(MEMBERS, PEOPLE)),
                channel=rng.choice(["", "email"]),
                word=word,
                at=rng.choice([*DAYS, ""]),
            )
        )
    for n in range(PEOPLE // 4):
        word = rng.choice(["never", "weekly", ""])
        rows.append(
            Row(
                "preferences",
                f"p{n}",
                address(rng.randrange(MEMBERS, PEOPLE)),
                channel=rng.choice(["", "email"]),
                word=word,
                at=rng.choice(DAYS),
            )
        )
    return rows


def deliver(company: TestCompany, rows: list[Row], part: str, last: dict[str, str]) -> None:
    """Write one file for each table; `last`: family names by contact."""
    for table in ("contacts", "consents", "messages", "preferences"):
        head = "id,email,phone,channel,purpose,word,at,changed,opt_out,last"
        lines = [
            ",".join([row.id, row.email, row.phone, row.channel, row.purpose, row.word, row.at, row.at,
                      row.word if table == "contacts" else "", last.get(row.id, "Else")])
            for row in rows if row.table == table
        ]  # fmt: skip
        if lines:
            company.csv(f"data/{table}_{part}.csv", head, *lines)


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    """The raw rows of the first delivery."""
    return history(random.Random(9))


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory, rows: list[Row]) -> TestCompany:
    """Built once from the first delivery; the tests below go on with it, in their order."""
    made = TestCompany(
        tmp_path_factory.mktemp("audiences") / "company", SOURCES, SETTINGS,
        select=("+send_holds", "+suppressions", "+customer_identifiers", *BELOW_MARTS),
    )  # fmt: skip
    made.model("audiences/vip.sql", AUDIENCE)
    deliver(made, rows, "1", {f"c{n}": "Vip" for n in range(MEMBERS)})
    made.load_and_build()
    return made


def test_consents_are_what_the_oracle_says(company: TestCompany, rows: list[Row]) -> None:
    """State and deciding record of every person, address and purpose."""
    persons = people(rows)
    owners = dict(
        company.rows(
            "select identifier_value, customer_id from staging.stg_identifiers join identity.node_customers using (node_id)"
        )
    )
    names = {owners[value]: person for value, person in persons.items()}
    found = {
        (names[customer], point or "", purpose): (state, record.rpartition(":")[2])
        for customer, point, purpose, state, record in company.rows(
            "select customer_id, contact_point, purpose, state, consent_record_id from marts.consents"
        )
    }
    wanted = expected(rows, NOW)

    assert len(set(names.values())) == len(names) == PEOPLE
    assert {state for state, _ in wanted.values()} == {
        "granted",
        "denied",
        "withdrawn",
        "objected",
        "expired",
        "unknown",
    }
    assert found == wanted


def test_the_command_says_what_the_sender_would_do(company: TestCompany, rows: list[Row]) -> None:
    """May we write news to her first address? Only by a live grant for it, with no refusal of the person and no complaint."""
    persons, stands = people(rows), expected(rows, NOW)
    complained = {row.email for row in rows if row.table == "messages" and row.word == "complained"}
    purposes = purpose_specs(company.company)
    answers = {}
    with warehouse.connect(company.company, read_only=True) as con:
        for n in range(MEMBERS, MEMBERS + 40):
            found = consents.consents(con, address(n), purposes, NOW)
            lines = [
                one for one in found["now"] if (one["purpose"], one["contact_point"]) == ("news", address(n))
            ]
            answers[n] = [one["may"] for one in lines]
            assert len(found["statements"]) == sum(who == persons[address(n)] for who, *_ in stands)

    for n, answer in answers.items():
        states = {
            point: state
            for (who, point, purpose), (state, _) in stands.items()
            if (who, purpose) == (persons[address(n)], "news")
        }
        refuses = (
            bool({"denied", "objected", "unknown"} & set(states.values())) or states.get("") == "withdrawn"
        )
        assert answer == [
            states.get(address(n)) == "granted" and not refuses and address(n) not in complained
        ], n
    assert {True, False} == {one for answer in answers.values() for one in answer}


def test_complaints_and_nothing_else_of_this_suppress(company: TestCompany, rows: list[Row]) -> None:
    """One row for each address that complained."""
    complained = {row.email for row in rows if row.table == "messages" and row.word == "complained"}

    found = company.rows("select contact_point, reason from customer.suppressions")

    assert complained
    assert sorted(found) == sorted((point, "complaint") for point in complained)


def test_a_holdout_survives_merges_and_a_merge_is_no_change(company: TestCompany) -> None:
    """Two members become one person: held out if either was, in since both were, nobody entered or left; half are held out."""
    before = dict(company.rows("select customer_id, is_holdout from marts.audience_members"))
    held = sorted(one for one, is_held in before.items() if is_held)
    free = sorted(one for one, is_held in before.items() if not is_held)
    values = dict(company.rows("select customer_id, email from customer.golden_records"))
    phones = dict(company.rows("select customer_id, phone from customer.golden_records"))

    assert len(before) == MEMBERS
    assert 10 <= len(held) <= 30  # 0.5 of 40, out of reach of chance (p < 0.002 at 10 or 30)
    assert {
        row[0]
        for row in company.rows(
            "select distinct customer_id from customer.send_holds where reason = 'holdout'"
        )
    } == set(held)
    pairs = [(held[0], free[0]), (free[1], held[1]), (free[2], free[3])]
    merging = [
        Row("contacts", f"z{n}", values[one], phones[two], at=DAYS[4]) for n, (one, two) in enumerate(pairs)
    ]
    deliver(company, merging, "2", {row.id: "Vip" for row in merging})
    company.load_and_build()

    after = dict(company.rows("select customer_id, is_holdout from marts.audience_members"))
    redirects = dict(company.rows("select old_customer_id, new_customer_id from marts.customer_redirects"))
    now = [redirects.get(one, one) for one, _ in pairs]
    assert now == [redirects.get(two, two) for _, two in pairs]
    assert [after[one] for one in now] == [True, True, False]
    assert all(after[one] == before[one] for one in after if one not in now)
    assert company.rows("select event, count(*) from marts.audience_history group by 1") == [
        ("entered", MEMBERS)
    ]
    mixed = company.rows("select customer_id from marts.audience_stays where is_mixed order by 1")
    assert mixed == sorted((one,) for one in now[:2])
    assert company.rows("select members, entered, departed, guard from marts.audience_sizes") == [
        (MEMBERS, MEMBERS, 0, "ok")
    ]


def test_a_broken_guard_holds_until_the_limit_allows_it(company: TestCompany) -> None:
    """A quarter leaves: too much. Members and leavers wait, until the limit allows it."""
    members = company.rows("select count(*) from marts.audience_members")[0][0]
    gone = [Row("contacts", f"c{n}", address(n), number(n), at="2026-06-03 00:00:00") for n in range(20, 32)]
    deliver(company, gone, "3", {})
    company.load_and_build()
    held = (
        "select count(distinct customer_id), min(is_deferred) from customer.send_holds"
        " where reason = 'audience changed too much'"
    )

    assert company.rows("select guard from marts.audience_guards") == [("changed too much",)]
    assert company.rows(held) == [(members, True)]
    company.settings = SETTINGS | {"audiences": {"vip": {"max_change": 0.9, "holdout": 0.5}}}
    company.configure()
    company.build()
    assert company.rows("select guard from marts.audience_guards") == [("ok",)]
    assert company.rows(held) == [(0, None)]
    left = company.rows(
        "select count(*) from marts.audience_stays where not is_member and left_at is not null"
    )[0][0]
    assert left == members - company.rows("select count(*) from marts.audience_members")[0][0]
