"""Triggered mails, texts and surveys of a tiny company, its clock moved step by step, runs killed in between: each is sent once.

Local time is UTC+7. The destination is a recording fake; what it got is compared with what the story says.
"""

import copy
import os
import signal
import subprocess
import sys
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from pipelines.failpoints import FailPointError
from tests.companies import BELOW_MARTS, CONTACTS, EVENTS, ORDERS, TestCompany
from tests.exports_fake import Recorder, recorder
from tests.trigger_child import export

ROOT = Path(__file__).resolve().parents[2]
# id, what the person does (see `tell`)
PEOPLE = {
    "1": "leaves", "2": "late", "3": "buys", "4": "withdraws", "5": "never agreed", "6": "clicks", "7": "opens",
    "8": "merged", "9": "merged",
}  # fmt: skip
# id -> orders (id, delivered); 24 has two, and is asked once
ASKED = {
    "20": [("s20", "2026-06-29T03:00:00Z")],
    "21": [("s21", "2026-06-29T03:10:00Z")],
    "22": [("s22", "2026-06-29T03:20:00Z")],
    "23": [("s23", "2026-06-29T03:30:00Z")],
    "24": [("s24", "2026-06-29T03:40:00Z"), ("s25", "2026-06-29T03:50:00Z")],
}
# delivered before the second step; 31 had objected by then, 32 did so long ago
ASKED_LATER = {one: [(f"s{one}", "2026-06-29T09:00:00Z")] for one in ("30", "31", "32")}
SHIPPED: dict[str, Any] = copy.deepcopy(ORDERS)
SHIPPED["columns"]["delivered_at"] = "delivered"
SOURCES: list[dict[str, Any]] = [
    {
        "name": "shop",
        "connector": "files",
        "tables": [
            CONTACTS,
            SHIPPED,
            {
                "name": "messages",
                "entity": "message",
                "path": "data/messages*.csv",
                "key": ["id"],
                "columns": {"kind": "kind", "occurred_at": "at", "email": "email", "channel": "channel"},
            },
            {
                "name": "consents",
                "entity": "consent",
                "path": "data/consents*.csv",
                "key": ["id"],
                "columns": {
                    "channel": "channel",
                    "purpose": "purpose",
                    "state": "state",
                    "occurred_at": "at",
                    "email": "email",
                    "phone": "phone",
                },
            },
            {
                "name": "coupons",
                "entity": "coupon",
                "path": "data/coupons*.csv",
                "key": ["code"],
                "columns": {"code": "code", "pool": "pool", "discount_percent": "percent"},
            },
        ],
    },
    EVENTS,
]
SETTINGS = {
    "purposes": {
        "email_marketing": {"basis": "consent", "channel": "email"},
        "sms_marketing": {"basis": "consent", "channel": "sms"},
        "care": {"basis": "legitimate_interest", "channel": "email", "survey": True},
    },
    "triggers": {
        "cart": {
            "first": {"purpose": "email_marketing"},
            "second": {"purpose": "sms_marketing", "pool": "cart10"},
        },
        "surveys": {
            "delivered": {"when": "order_delivered", "purpose": "care", "survey": "nps", "answers_in": "shop"}
        },
    },
}
SECOND_ORDER = ("invitation", "cooldown")
ORDER = "order,changed,at,amount,status,email,contact,delivered"
SYNC = """-- Grain: one row per message that is due.
select
    messages.entry_id,
    messages.customer_id,
    {point},
    entries.code,
    entries.products
from {{{{ ref('trigger_messages') }}}} as messages
inner join {{{{ ref('trigger_entries') }}}} as entries on messages.entry_id = entries.entry_id
inner join {{{{ ref('golden_records') }}}} as people on messages.customer_id = people.customer_id
where messages.state = 'due' and messages.channel = '{channel}' and (messages.step = 'invitation') = {asks}
"""
EXPOSURE = """  - name: {name}
    type: application
    owner: {{name: test, email: t@x.io}}
    depends_on: ["ref('sync_hook_{name}')"]
    config: {{meta: {{sync: {{destination: hook, key: entry_id, mode: upsert, purpose: {purpose}, contact_point: {point},
      guards: {{allow_empty: true}}}}}}}}
"""


def email(person: str) -> str:
    """The address of a person."""
    return f"p{person}@x.io"


def phone(person: str) -> str:
    """The telephone of a person, in Vietnam."""
    return f"+84901234{int(person):03}"


def cart(person: str, moment: str) -> list[dict[str, Any]]:
    """Somebody signs in and puts something into the cart."""
    common = {"anonymousId": f"d{person}", "timestamp": moment}
    added = {"product_id": f"tea{person}", "price": 5, "quantity": 1}
    return [
        {"type": "identify", "messageId": f"i{person}", "traits": {"email": email(person)}, **common},
        {"type": "track", "event": "Product Added", "messageId": f"t{person}", "properties": added, **common},
    ]


def make(root: Path) -> TestCompany:
    """Nine people; eight of them left a cart at 10:00, the ninth (person 2) will at 18:00. Others got an order, or will."""
    company = TestCompany(root, SOURCES, dict(SETTINGS))
    company.select = [*BELOW_MARTS, "+sync_hook_asks", "+sync_hook_mails", "+sync_hook_texts"]
    sync = {
        "asks": ("email", "email", "care"),
        "mails": ("email", "email", "email_marketing"),
        "texts": ("phone", "sms", "sms_marketing"),
    }
    for name, (point, channel, _) in sync.items():
        sql = SYNC.format(point=f"people.{point}", channel=channel, asks=name == "asks")
        company.model(f"syncs/sync_hook_{name}.sql", sql)
    told = [EXPOSURE.format(name=name, purpose=one[2], point=one[0]) for name, one in sync.items()]
    company.model("syncs/_syncs.yml", "exposures:\n" + "".join(told))
    rows = [f"{one},{email(one)},{phone(one)},Name,Family" for one in [*PEOPLE, *ASKED, *ASKED_LATER]]
    company.csv("data/contacts1.csv", "id,email,phone,first,last", *rows)
    company.csv("data/orders1.csv", ORDER, *shipped(ASKED))
    company.csv("data/messages1.csv", "id,kind,at,email,channel")
    agreed = [one for one, does in PEOPLE.items() if does != "never agreed"]
    grants = [f"m{one},email,email_marketing,granted,2026-01-01,{email(one)}," for one in agreed]
    grants.append(f"n32,email,care,objected,2026-01-01,{email('32')},")
    grants += [f"s{one},sms,sms_marketing,granted,2026-01-01,,{phone(one)}" for one in agreed]
    company.csv("data/consents1.csv", "id,channel,purpose,state,at,email,phone", *grants)
    company.csv("data/coupons1.csv", "code,pool,percent", "A1,cart10,10", "B2,cart10,10")
    early = [one for one, does in PEOPLE.items() if does != "late"]
    company.jsonl("spool/1.jsonl", *[event for one in early for event in cart(one, "2026-06-29T03:00:00Z")])
    return company


def shipped(people: dict[str, list[tuple[str, str]]]) -> list[str]:
    """Orders that have arrived."""
    return [
        f"{order},{delivered},2026-06-27,5,paid,{email(one)},{one},{delivered}"
        for one, orders in people.items()
        for order, delivered in orders
    ]


def tell(company: TestCompany) -> None:
    """What happens between the mails (14:01) and 18:02; two people turn out to be one."""
    moment = "2026-06-29T08:00:00Z"
    company.csv(
        "data/orders2.csv",
        ORDER,
        f"o1,{moment},{moment},5,paid,{email('3')},3,",
        *shipped(ASKED_LATER),
    )
    company.csv(
        "data/consents2.csv",
        "id,channel,purpose,state,at,email,phone",
        f"w4,sms,sms_marketing,withdrawn,{moment},,{phone('4')}",
        f"w31,email,care,objected,{moment},{email('31')},",
    )
    company.csv(
        "data/messages2.csv",
        "id,kind,at,email,channel",
        f"k6,clicked,{moment},{email('6')},email",
        f"k7,opened,{moment},{email('7')},email",
    )
    company.jsonl("spool/2.jsonl", *cart("2", "2026-06-29T11:00:00Z"))
    company.csv(
        "data/contacts2.csv", "id,email,phone,first,last", f"10,{email('8')},{phone('9')},Name,Family"
    )


@dataclass
class Story:
    """What was sent at each step, as (person, code) of the operations, and all that the fake got."""

    company: TestCompany
    steps: dict[str, list[str]] = field(default_factory=dict)
    operations: list[dict[str, Any]] = field(default_factory=list)
    waiting: dict[str, list[tuple[Any, ...]]] = field(default_factory=dict)


def at(company: TestCompany, moment: str) -> None:
    """Pin the clock."""
    company.settings["clock"] = {"as_of": f"{moment}Z"}
    company.configure()


def step(
    story: Story, receiver: Recorder, moment: str, *, kills: tuple[str, ...] = (), full: bool = False
) -> None:
    """Load, build and export at `moment`; exports are killed at the given points before one is let through."""
    company = story.company
    at(company, moment)
    company.load()
    company.build(full)
    before = len(receiver.operations)
    config = company.root / "cdp.yml"
    for number, point in enumerate(kills):
        done = subprocess.run(
            [sys.executable, "-m", "tests.trigger_child", config, receiver.url, moment, f"k{moment}{number}"],
            env=os.environ | {"PYTHONPATH": str(ROOT), "CDP_FAIL_AT": point},
            cwd=ROOT,
            check=False,
        )
        assert done.returncode == -signal.SIGKILL, (moment, point)
    assert export(config, receiver.url, moment, f"r{moment}") == 0
    fresh = receiver.operations[before:]
    story.steps[moment[5:16]] = sorted({one["row"].get("email") or one["row"]["phone"] for one in fresh})
    story.waiting[moment[5:16]] = company.rows(
        "select customer_id, step, reason from marts.trigger_messages where state = 'waiting' order by step, reason"
    )


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    """A day and a half of this company."""
    told = Story(make(tmp_path_factory.mktemp("triggers") / "shop"))
    company = told.company
    with recorder() as receiver, pytest.MonkeyPatch.context() as patch:
        # the first three fall into the invitations, the others into the mails
        kills = ("export.pending:1", "export.sent:2", "export.acked:1", "export.sent:3", "export.acked:2")
        step(told, receiver, "2026-06-29T07:01:00", kills=kills)
        tell(company)
        at(company, "2026-06-29T11:02:00")
        company.load()
        patch.setenv("CDP_FAIL_AT", "build.before_mark")
        patch.setenv("CDP_FAIL_HOW", "raise")
        with pytest.raises(FailPointError):
            company.build()
        patch.delenv("CDP_FAIL_AT")
        patch.delenv("CDP_FAIL_HOW")
        step(told, receiver, "2026-06-29T11:02:00", kills=("export.sent:1",))
        step(told, receiver, "2026-06-29T15:00:00")
        step(told, receiver, "2026-06-29T19:05:00")
        company.csv("data/coupons2.csv", "code,pool,percent", "D4,cart10,10", "A1,cart10,10", "C3,cart10,10")
        step(told, receiver, "2026-06-30T01:00:00", full=True)
        told.operations = receiver.operations
    return told


def carts(told: list[str]) -> list[str]:
    """What was not an invitation."""
    return [one for one in told if one not in {email(person) for person in (*ASKED, *ASKED_LATER)}]


def test_each_message_goes_at_its_time_to_whom_it_should(story: Story) -> None:
    """Mails at the first run after four hours; texts after four more to those who did nothing; none at two in the night."""
    texts, later = carts(story.steps["06-29T11:02"]), story.steps["06-30T01:00"]

    assert carts(story.steps["06-29T07:01"]) == [email(one) for one in "1346789"]
    assert story.steps["06-29T15:00"] == [email("2")]
    assert story.steps["06-29T19:05"] == []
    # two codes for three at first; who only opened is one of them, and of the two who are one now one is
    assert (len(texts), len(later)) == (2, 2)
    assert {phone("1"), phone("2"), phone("7")} < {*texts, *later} < {phone(one) for one in "12789"}
    assert phone("2") in later


def test_who_got_an_order_is_asked_once(story: Story) -> None:
    """At the first run after the delivery, whatever was killed; not who objected, and not twice for two orders."""
    asked = {moment: sorted({*told} - {*carts(told)}) for moment, told in story.steps.items()}
    invitations = [one for one in story.operations if one["row"].get("email") in asked["06-29T07:01"]]
    recorded = story.company.rows(
        "select invitation_id from customer.invitations where invitation_id in (select entry_id from activation.trigger_entries)"
    )

    assert asked.pop("06-29T07:01") == [email(one) for one in ASKED]
    assert asked.pop("06-29T11:02") == [email("30")]
    assert not any(asked.values())
    assert len(invitations) > len({one["key"] for one in invitations}) == len(ASKED), (
        "no kill fell into the invitations"
    )
    assert len(recorded) == len({*recorded}) == len(ASKED) + 1


def test_what_waits_says_for_what(story: Story) -> None:
    """Who gets no code waits for one, the text of 02:00 for the morning, a second question for the cooldown to end."""
    assert [row[1:] for row in story.waiting["06-29T11:02"]] == [
        ("first", "wait"),
        SECOND_ORDER,
        ("second", "no code"),
    ]
    assert [row[1:] for row in story.waiting["06-29T19:05"]] == [
        SECOND_ORDER,
        *[("second", "quiet hours")] * 2,
    ]
    assert [row[1:] for row in story.waiting["06-30T01:00"]] == [SECOND_ORDER]


def test_kills_and_redone_builds_make_no_second_entry(story: Story) -> None:
    """Whatever was repeated came under its own key with its own words; eighteen messages in all, no code twice."""
    said: dict[str, set[str]] = defaultdict(set)
    for one in story.operations:
        said[one["key"]].add(f"{one['idempotency_key']} {one['operation']} {one['row']}")
    entries = story.company.rows("select entry_id, code from activation.trigger_entries")
    codes = [code for _, code in entries if code]

    assert all(len(words) == 1 for words in said.values()), "one entry was sent in two ways"
    assert len(story.operations) > len(said), (
        "no kill fell between request and answer: these kills prove nothing"
    )
    assert sorted(said) == sorted(entry for entry, _ in entries)
    assert len(said) == 12 + len(ASKED) + 1
    assert sorted(codes) == ["A1", "B2", "C3", "D4"]
