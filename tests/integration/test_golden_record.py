"""The golden record: the models against plain Python on random histories; portions against a full build; the rules end to end."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.companies import BELOW_MARTS, EVENTS, TestCompany
from tests.golden_oracle import GROUPS, Mention, Version, World, decide

CONTACT = {
    "email": "email",
    "phone": "phone",
    "first_name": "first",
    "last_name": "last",
    "street": "street",
    "city": "city",
    "email_verified": "seen",
    "created_at": "created",
    "user_id": "id",
    "birth_date": "born",
    "tier": {"column": "city", "pii": False},
}
HEADER = "id,email,phone,first,last,street,city,seen,created,born,changed"
SOURCES: list[Mapping[str, Any]] = [
    {
        "name": "crm",
        "connector": "files",
        "brand": "north",
        "tables": [
            {
                "name": "contacts",
                "entity": "contact",
                "path": "data/crm*.csv",
                "key": ["id"],
                "updated_at": "changed",
                "columns": CONTACT,
            }
        ],
    },
    {
        "name": "shop",
        "connector": "files",
        "brand": "south",
        "tables": [
            {
                "name": "contacts",
                "entity": "contact",
                "path": "data/shop*.csv",
                "key": ["id"],
                "columns": CONTACT,
            },
            {
                "name": "orders",
                "entity": "order",
                "path": "data/orders*.csv",
                "key": ["order"],
                "columns": {
                    "order_id": "order",
                    "ordered_at": "at",
                    "gross_amount": "amount",
                    "email": "email",
                },
            },
        ],
    },
    {
        "name": "mail",
        "connector": "files",
        "tables": [
            {
                "name": "messages",
                "entity": "message",
                "path": "data/messages*.csv",
                "columns": {
                    "kind": "kind",
                    "occurred_at": "at",
                    "email": "email",
                    "is_hard_bounce": "hard",
                },
            }
        ],
    },
    EVENTS,
]
SETTINGS = {
    "identity": {"salt": "test"},
    "survivorship": {
        "sources": ["crm", "shop"],
        "attributes": ["tier"],
        "fields": {"tier": {"strategy": "source_priority", "sources": ["shop", "crm"]}},
    },
}
MARTS = ("golden_fields", "profile_history", "customer_identifiers", "customer_brands")
# In the order in which dbt builds them; what they read beside is put there by the test.
STEPS = (
    "int_golden__stamps", "bulk_stamps", "written_values", "int_golden__versions", "int_golden__contacts", "int_golden__traits",
    "int_golden__refused", "int_golden__bounced", "int_golden__proven", "golden_votes", "golden_mentions",
    "int_golden__candidates", "contact_claims", "golden_fields", "profile_history",
)  # fmt: skip
DAY = datetime(2026, 1, 1)


def identify(number: int, at: str, **traits: str) -> dict[str, Any]:
    """An identify call."""
    return {
        "type": "identify",
        "messageId": f"m{number}",
        "anonymousId": "device",
        "timestamp": at,
        "traits": traits,
    }


def first(company: TestCompany) -> None:
    """What the first run finds."""
    company.csv(
        "data/crm1.csv",
        HEADER,
        # 12 people whom an import touched in one second: no evidence, their records were made long before
        *(
            f"i{n},import{n}@x.example,,Im,Port{n},{n} Import Road,Hue,,2020-01-01 00:00:00,,2026-03-01 03:00:00"
            for n in range(12)
        ),
        *(
            f"o{n},other{n}@x.example,,Ot,Her{n},,,,,,2025-{1 + n % 12:02}-{1 + n % 28:02} 10:{n % 60:02}:00"
            for n in range(60)
        ),
        "a,anna@x.example,+84901234567,Anna,Huber,1 Old Road,Hue,true,2024-01-01 00:00:00,1980-02-03,2024-01-01 08:00:00",
        "b,bo@x.example,+84901234568,Bo,Le,,,,2024-01-01 00:00:00,1970-05-05,2024-02-01 08:00:00",
        # one address, two birth dates: two people, one of whom the address is
        "p,pair@x.example,,Pia,Ray,,,,,1980-01-02,2025-01-01 08:00:00",
        "q,pair@x.example,,Quy,Ray,,,,,1999-11-28,2025-02-01 08:00:00",
        "r,reader@x.example,,Rea,Der,,,,,,2025-02-01 09:00:00",
    )
    company.csv(
        "data/shop1.csv",
        HEADER,
        "1,import1@x.example,,Im,Port1,9 Shop Street,Hue,,2023-01-01 00:00:00,,",
        "2,anna@x.example,,A.,Huber,2 New Road,,,2025-01-01 00:00:00,,",
    )
    company.csv("data/orders1.csv", "order,at,amount,email", "o1,2026-01-05 00:00:00,5,mentioned@x.example")
    company.csv("data/messages1.csv", "kind,at,email,hard", "sent,2026-01-01 00:00:00,bo@x.example,")
    company.jsonl(
        "spool/1.jsonl", identify(1, "2026-01-01T00:00:00Z", email="reader@x.example", firstName="R")
    )


def second(company: TestCompany) -> None:
    """Changes, a withdrawal, a bounce, and so many new records that the import is no longer a bulk."""
    company.csv(
        "data/crm2.csv",
        HEADER,
        "a,anna@x.example,,Anna,Huber,1 Old Road,Hue,true,2024-01-01 00:00:00,1980-02-03,2026-02-01 08:00:00",
        *(
            f"n{n},new{n}@x.example,,Ne,W{n},,,,,,2025-{1 + n % 12:02}-{1 + n % 28:02} 11:{n % 60:02}:{n % 59:02}"
            for n in range(1300)
        ),
    )
    company.csv("data/messages2.csv", "kind,at,email,hard", "bounced,2026-03-01 00:00:00,bo@x.example,true")
    company.jsonl(
        "spool/2.jsonl",
        identify(2, "2026-02-01T00:00:00Z", email="reader@x.example", firstName="Rea", lastName="Dern"),
        identify(3, "2026-04-01T00:00:00Z", email="reader@x.example", firstName="Rea", lastName="Dern"),
    )


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> TestCompany:
    """A company after two runs, and what its marts were after the first."""
    select = (
        *BELOW_MARTS,
        "+golden_records",
        "+profile_history",
        "+customer_identifiers",
        "+customer_brands",
    )
    made = TestCompany(tmp_path_factory.mktemp("golden"), SOURCES, SETTINGS, select=select)
    first(made)
    made.load_and_build()
    return made


@pytest.fixture(scope="module")
def grown(company: TestCompany) -> tuple[dict[str, Any], TestCompany]:
    """Shown values after the first run, and the company after the second."""
    before = shown(company)
    second(company)
    assert not company.load_and_build().full
    return before, company


def shown(company: TestCompany) -> dict[str, dict[str, Any]]:
    """Record -> field -> (value, source, decided_by, time_basis) of its customer."""
    rows = company.rows(
        "select owners.node_id, fields.field, value, source, decided_by, time_basis, excluded_because"
        " from identity.node_customers as owners inner join marts.golden_fields as fields using (customer_id)"
    )
    found: dict[str, dict[str, Any]] = {}
    for node, unit, *rest in rows:
        found.setdefault(node, {})[unit] = tuple(rest)
    return found


def test_portions_equal_a_full_build(grown: tuple[dict[str, Any], TestCompany]) -> None:
    """Law 2, where a population fact flips: the import's second is a bulk stamp at first, and none among many."""
    before, company = grown
    parts = {name: rows for name, rows in company.marts().items() if name in MARTS}
    stamps = company.rows("select count(*) from customer.bulk_stamps")
    company.build(full_refresh=True)
    whole = {name: rows for name, rows in company.marts().items() if name in MARTS}

    assert stamps == [(0,)]
    assert sorted(parts) == sorted(MARTS)
    assert parts == whole
    # the import says nothing of the first run's time, so the shop's later address was shown
    assert before["crm.contacts:i1"]["address"][:2] == ("9 Shop Street, Hue", "shop")
    assert before["crm.contacts:i1"]["address"][2] == "most_recent"
    assert shown(company)["crm.contacts:i1"]["address"][:2] == ("1 Import Road, Hue", "crm")


def test_rules_from_file_to_mart(grown: tuple[dict[str, Any], TestCompany]) -> None:
    """A whole name beats its initial, emptied is withdrawn, bounced never wins, a repeated trait is no newer."""
    before, company = grown
    after = shown(company)
    anna, bo = after["crm.contacts:a"], after["crm.contacts:b"]

    assert anna["name"][:3] == ("Anna Huber", "crm", "whole")
    assert anna["address"][:2] == ("2 New Road", "shop")
    assert anna["email"][3] == "stamped"
    assert before["crm.contacts:a"]["phone"][0] == "+84901234567"
    assert "phone" not in anna
    assert before["crm.contacts:b"]["email"][0] == "bo@x.example"
    assert bo["email"] == (None, None, "nothing usable", None, "bounced")
    assert after["crm.contacts:r"]["name"][:2] == ("Rea Dern", "web")
    assert company.rows(
        "select distinct value, time_basis from marts.golden_fields where source = 'shop' and field = 'email'"
        " and time_basis = 'mentioned'"
    ) == [("mentioned@x.example", "mentioned")]
    assert company.rows(
        "select changed_at from marts.golden_fields where source = 'web' and field = 'name'"
    ) == [(datetime(2026, 2, 1),)]


def test_an_attribute_is_a_field_with_its_provenance(grown: tuple[dict[str, Any], TestCompany]) -> None:
    """Decided by a strategy of its own, in the marts of fields and of history; not one column of the golden record is touched."""
    before, company = grown
    after = shown(company)

    # the shop goes first, the CRM's later stamp or not
    assert before["crm.contacts:i1"]["tier"][:2] == ("Hue", "shop")
    assert after["crm.contacts:i1"]["tier"][:4] == ("Hue", "shop", "only value", "created")
    # the shop tells none: the CRM's word, as old as the version that brought it
    assert after["crm.contacts:a"]["tier"][:4] == ("Hue", "crm", "only value", "stamped")
    assert company.rows(
        "select distinct rule from marts.golden_fields where field = 'tier' and value is not null"
    ) == [("source_priority",)]
    assert company.rows("select count(*) > 0 from marts.profile_history where field = 'tier'") == [(True,)]


def test_an_address_is_of_one_person(grown: tuple[dict[str, Any], TestCompany]) -> None:
    """Two people hold one address: one has it as primary, the other none, and the pair is marked."""
    company = grown[1]
    rows = company.rows(
        "select count(*), count(*) filter (where is_primary), count(*) filter (where is_unmatched)"
        " from marts.customer_identifiers where value = 'pair@x.example'"
    )
    disagree = company.rows(
        "select * from marts.customer_identifiers as held inner join customer.golden_records as golden using (customer_id)"
        " where held.type = 'email' and held.is_primary and held.value is distinct from golden.email"
    )

    assert rows == [(2, 1, 1)]
    assert disagree == []


def test_the_profile_as_of_a_day(grown: tuple[dict[str, Any], TestCompany]) -> None:
    """What was shown then, by the times of the sources; what is shown today is the golden record."""
    company = grown[1]

    def as_of(moment: str) -> dict[str, str]:
        rows = company.rows(
            "select history.field, history.value from marts.profile_history as history"
            " inner join identity.node_customers as owners using (customer_id)"
            f" where owners.node_id = 'crm.contacts:a' and coalesce(valid_from <= '{moment}', true)"
            f" and coalesce(valid_to > '{moment}', true)"
        )
        return dict(rows)

    assert as_of("2024-06-01")["address"] == "1 Old Road, Hue"
    assert as_of("2024-06-01")["phone"] == "+84901234567"
    assert as_of("2025-06-01")["address"] == "2 New Road"
    assert "phone" not in as_of("2026-02-02")
    assert (
        company.rows(
            "select customer_id, field, parts from marts.golden_fields where value is not null"
            " except select customer_id, field, parts from marts.profile_history where valid_to is null"
        )
        == []
    )


def test_what_we_wrote_does_not_vote(grown: tuple[dict[str, Any], TestCompany]) -> None:
    """A value that came back after we had sent it is no word of the source; the touched customer alone is decided again."""
    company = grown[1]
    with duckdb.connect(str(company.root / "warehouse" / "cdp.duckdb")) as con:
        con.execute(
            "insert into exports.written_fields values"
            " ('shop.contacts:2', 'address', md5('address|2 new road'), timestamp '2024-12-31')"
        )
    company.build()
    shown_now = shown(company)["crm.contacts:a"]["address"]

    assert shown_now[0] == "1 Old Road, Hue"
    assert shown_now[4] == "written by us"


# ---------------------------------------------------------------- the oracle

EMAILS = ("a@x.example", "b@x.example", "c@x.example", "")
NAMES = (
    ("Anna", "Huber"), ("A.", "Huber"), ("ANNA", "HUBER"), ("B", "Meier"), ("Anna", ""), ("", ""), ("An", "Huber"),
)  # fmt: skip
STREETS = (("1 Road", "Hue"), ("1 Road", ""), ("2 Road", ""), ("", "Hue"), ("", ""))
MOMENTS = (None, *(DAY + timedelta(hours=hour) for hour in (0, 5, 24, 29, 53, 77)))
OWNERS = ("c1", "c2", "c3")


@st.composite
def worlds(draw: st.DrawFn, tag: str) -> World:
    """Three people, two of them in one component; records with versions, mentions, bounces, writes and refusals.

    All names carry the tag, so that many worlds fit into one run of the models.
    """
    owners: dict[str, str] = {}
    versions, mentions = [], []
    for number in range(draw(st.integers(1, 7))):
        kind = draw(st.sampled_from(("crm", "shop")))
        source, record = tag + kind, f"{tag}{kind}.contacts:{number}"
        owners[record] = tag + draw(st.sampled_from(OWNERS))
        domain = tag + ("alone" if owners[record] == f"{tag}c3" else "x")
        created = draw(st.sampled_from((None, DAY - timedelta(days=3), DAY + timedelta(hours=6))))
        for seq in range(draw(st.integers(1, 4))):
            first_name, last_name = draw(st.sampled_from(NAMES))
            street, city = draw(st.sampled_from(STREETS))
            values = {
                "email": draw(st.sampled_from(EMAILS)).replace("@x.", f"@{domain}."),
                "first_name": first_name,
                "last_name": last_name,
                "street": street,
                "city": city,
                "company": draw(st.sampled_from(("Acme", "ACME", "Beta", ""))),
                "tier": draw(st.sampled_from(("gold", "Gold", "silver", ""))),
            }
            moment = draw(st.sampled_from(MOMENTS)) if kind == "crm" else None
            verified = draw(st.integers(0, 4)) == 0
            versions.append(
                Version(
                    record, source, moment, created, seq + 1, {k: v for k, v in values.items() if v}, verified
                )
            )
    for number in range(draw(st.integers(0, 3))):
        node, owner = f"{tag}shop.orders~{number}", draw(st.sampled_from(OWNERS))
        owners[node] = tag + owner
        value = draw(st.sampled_from(EMAILS[:3])).replace(
            "@x.", f"@{tag}{'alone' if owner == 'c3' else 'x'}."
        )
        seen = draw(st.sampled_from(MOMENTS[1:]))
        assert seen is not None
        mentions.append(Mention(node, f"{tag}shop", "email", value, draw(st.integers(1, 2)), DAY, seen))
    held = [("email", f"{one}@{tag}{domain}.example") for one in "abc" for domain in ("x", "alone")]
    holders = st.sampled_from(held)
    told = [
        (one.record_id, "company", one.values["company"].lower())
        for one in versions
        if "company" in one.values
    ]
    return World(
        owners,
        versions,
        mentions,
        bounced=draw(st.dictionaries(holders, st.sampled_from(MOMENTS[2:5]), max_size=1)),
        refused=draw(st.sets(holders, max_size=1)),
        written=draw(st.dictionaries(st.sampled_from(told), st.just(DAY + timedelta(hours=20)), max_size=2))
        if told
        else {},
        components={f"{tag}c1": f"{tag}k", f"{tag}c2": f"{tag}k"},
        strategy={
            unit: draw(st.sampled_from(("most_recent", "most_frequent", "most_complete", "source_priority")))
            for unit in GROUPS
        },
        places={f"{tag}crm": 2, f"{tag}shop": 1},
        bulk_rows=2,
    )


class Models:
    """The compiled models on tables that a test fills."""

    def __init__(self, company: TestCompany) -> None:
        self.con = duckdb.connect()
        self.con.execute(f"attach '{company.root}/warehouse/cdp.duckdb' as real (read_only)")
        self.con.execute("attach ':memory:' as cdp")
        folder = company.root / ".cdp" / "target" / "compiled"
        texts = {path.stem: path.read_text() for path in folder.glob("*/models/customer/golden/*.sql")}
        # a handful of rows must be able to be a bulk
        texts["int_golden__stamps"] = texts["int_golden__stamps"].replace("versions >= 10", "versions >= 2")
        self.texts = texts
        self.inputs = (
            "staging.stg_contact_versions", "identity.node_customers", "staging.config_survivorship",
            "reference.golden_placeholders", "identity.int_identity__identifiers", "identity.node_values",
            "identity.node_clusters", "staging.stg_messages", "staging.stg_consents", "staging.stg_events",
            "exports.written_fields", "staging.stg_record_nodes", "staging.touched_golden",
        )  # fmt: skip
        self.con.execute("use cdp")
        for name in self.inputs:
            schema, _, table = name.partition(".")
            columns = self.con.execute(
                "select column_name, data_type from duckdb_columns()"
                " where database_name = 'real' and schema_name = ? and table_name = ? order by column_index",
                [schema, table],
            ).fetchall()
            listed = ", ".join(f'"{column}" {kind}' for column, kind in columns)
            self.con.execute(f"create schema if not exists cdp.{schema}")
            self.con.execute(f"create table cdp.{name} ({listed})")
        for schema in ("customer", "marts"):
            self.con.execute(f"create schema if not exists cdp.{schema}")

    def fill(self, name: str, rows: list[dict[str, Any]]) -> None:
        """Replace what an input holds."""
        self.con.execute(f"delete from {name}")
        columns = sorted({column for row in rows for column in row})
        if rows:
            given = pa.table({column: [row.get(column) for row in rows] for column in columns})
            self.con.register("given_rows", given)
            self.con.execute(f"insert into {name} by name select * from given_rows")

    def decide(self, worlds: Sequence[World]) -> tuple[set[tuple[Any, ...]], set[tuple[Any, ...]]]:
        """(customer, field, parts, source, since, basis) and (customer, field, parts, from, to) by the models."""
        for name in self.inputs:
            if name not in ("reference.golden_placeholders", "staging.stg_events", "staging.stg_consents"):
                self.fill(name, [row for world in worlds for row in inputs(world)[name]])
        for step in STEPS:
            schema = {"golden_votes": "staging", "golden_mentions": "staging"}.get(step, "customer")
            schema = "marts" if step in ("golden_fields", "profile_history") else schema
            self.con.execute(f"create or replace table {schema}.{step} as {self.texts[step]}")
        fields = self.con.execute(
            "select customer_id, field, parts, source, changed_at, time_basis from marts.golden_fields where value is not null"
        ).fetchall()
        history = self.con.execute(
            "select customer_id, field, parts, valid_from, valid_to from marts.profile_history"
        ).fetchall()
        return set(fields), set(history)


def inputs(world: World) -> dict[str, list[dict[str, Any]]]:
    """The rows of a world, by the table that holds them."""
    values = [
        row | {"value_key": f"{row['identifier_type']}|{row['identifier_value']}"} for row in _held(world)
    ]
    return {
        "staging.stg_contact_versions": [
            {
                "record_id": one.record_id, "source": one.source, "source_table": "contacts", "updated_at": one.updated_at,
                "created_at": one.created_at, "load_seq": one.load_seq, "file": "f", "position": 1, "is_deleted": False,
                "email_verified": one.verified, **{name: value for name, value in one.values.items() if name != "tier"},
                "attributes": json.dumps({"tier": one.values.get("tier"), "other": "x"}),
            }
            for one in world.versions
        ],
        "identity.node_customers": [{"node_id": n, "customer_id": c} for n, c in world.owners.items()],
        "staging.touched_golden": [{"touch_key": c} for c in set(world.owners.values())],
        "identity.node_clusters": [
            {"node_id": n, "cluster": c, "component": world.components.get(c, c)} for n, c in world.owners.items()
        ],
        "identity.node_values": values,
        "identity.int_identity__identifiers": [
            row
            | {
                "refused_because": "placeholder"
                if (row["identifier_type"], row["identifier_value"]) in world.refused
                else None
            }
            for row in values
        ],
        "staging.stg_record_nodes": [{"record_id": f"of {n}", "node_id": n} for n in world.owners],
        "staging.stg_messages": [
            {"node_id": f"to {value}", "kind": "bounced", "is_hard_bounce": True, "email": value, "occurred_at": since}
            for (_, value), since in world.bounced.items()
        ],
        "exports.written_fields": [
            {
                "record_id": record,
                "field": unit,
                "value_hash": hashlib.md5(f"{unit}|{value}".encode()).hexdigest(),
                "written_at": at,
            }
            for (record, unit, value), at in world.written.items()
        ],
        "staging.config_survivorship": [
            {"field": unit, "source": source, "strategy": strategy, "place": place}
            for unit, strategy in world.strategy.items()
            for source, place in world.places.items()
        ],
    }  # fmt: skip


def _held(world: World) -> list[dict[str, Any]]:
    """The identifiers of every node: current contacts, mentions, and the messages that bounced."""
    current = {
        one.record_id: one
        for one in sorted(world.versions, key=lambda one: (one.updated_at or datetime(1, 1, 1), one.load_seq))
    }
    names = (
        "node_id", "source", "identifier_type", "identifier_value", "records", "first_seen_at", "last_seen_at", "is_profile",
    )  # fmt: skip
    held: list[tuple[Any, ...]] = [
        (record, one.source, "email", one.values["email"], 1, one.created_at, one.created_at, True)
        for record, one in current.items()
        if "email" in one.values
    ]
    held += [
        (
            one.node_id,
            one.source,
            one.field,
            one.value,
            one.records,
            one.first_seen_at,
            one.last_seen_at,
            False,
        )
        for one in world.mentions
    ]
    held += [(f"to {value}", "mail", unit, value, 1, None, None, False) for unit, value in world.bounced]
    return [dict(zip(names, row, strict=True)) for row in held]


@pytest.fixture(scope="module")
def models(grown: tuple[dict[str, Any], TestCompany]) -> Models:
    """The models as they were compiled for the company."""
    return Models(grown[1])


# no shrinking: of forty worlds it would take minutes, and the difference names the customer
@settings(
    max_examples=6,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.generate),
    print_blob=False,
)
@given(drawn=st.tuples(*(worlds(f"{number}-") for number in range(40))))
def test_models_equal_plain_python(models: Models, drawn: tuple[World, ...]) -> None:
    """Winner, its time and what that rests on, and the whole history, of every customer and field."""
    expected, told = set(), set()
    for world in drawn:
        winners, history = decide(world)
        told |= set(history)
        expected |= {
            (customer, unit, one.value, one.source, one.starts, one.basis)
            for (customer, unit), one in winners.items()
        }
    fields, rows = models.decide(drawn)

    assert fields == expected
    assert rows == told
    assert len(fields) > 100
