"""Nobody is asked twice within the cooldown, whoever asks: a survey tool, a trigger, a sample of a sync, in one run or in two.

Four people, two syncs of two purposes with `survey: true`. What the receiver got is compared with what the story says.
"""

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from cli.commands.exports import plan_lines
from cli.export import plan
from cli.syncs import purpose_specs, sync_specs
from cli.why import why
from tests.companies import BELOW_MARTS, CONTACTS, TestCompany
from tests.exports_fake import Recorder, recorder
from tests.trigger_child import export

SOURCES: list[dict[str, Any]] = [
    {
        "name": "desk",
        "connector": "files",
        "tables": [
            CONTACTS,
            {
                "name": "tickets",
                "entity": "ticket",
                "path": "data/tickets*.csv",
                "key": ["id"],
                "columns": {
                    "ticket_id": "id", "status": "status", "opened_at": "opened", "solved_at": "solved", "email": "email",
                },
            },
        ],
    },
    {
        "name": "survey",
        "connector": "files",
        "tables": [
            {
                "name": "invitations",
                "entity": "invitation",
                "path": "data/invitations*.csv",
                "key": ["id"],
                "columns": {"invitation_id": "id", "sent_at": "at", "email": "email"},
            }
        ],
    },
]  # fmt: skip
ASKS = {"basis": "legitimate_interest", "channel": "email", "survey": True}
SETTINGS: dict[str, Any] = {
    "cx": {"survey_cooldown": "30d"},
    "purposes": {"after_service": ASKS, "panel": ASKS},
    "triggers": {
        "surveys": {
            "solved": {
                "when": "ticket_solved", "survey": "support", "purpose": "after_service", "answers_in": "survey",
                "give_up_after": "60d",
            }
        }
    },
    "destinations": {"hook": {"type": "http", "url": "http://127.0.0.1:1/"}},
}  # fmt: skip
MODELS = {
    "asked": """-- Grain: one row per invitation that is due.
select messages.entry_id as id, messages.customer_id, people.email, 'asked' as kind
from {{ ref('trigger_messages') }} as messages
inner join {{ ref('trigger_entries') }} as entries on messages.entry_id = entries.entry_id
inner join {{ ref('golden_records') }} as people on messages.customer_id = people.customer_id
where messages.state = 'due'
""",
    "panel": """-- Grain: one row per person.
select customer_id as id, customer_id, email, 'panel' as kind from {{ ref('golden_records') }}
""",
}
EXPOSURE = """  - name: {name}
    type: application
    owner: {{name: test, email: t@x.io}}
    depends_on: ["ref('sync_hook_{name}')"]
    config: {{meta: {{sync: {{destination: hook, key: id, mode: upsert, purpose: {purpose}, contact_point: email,
      guards: {{allow_empty: true}}}}}}}}
"""
TICKETS = "id,status,opened,solved,email"


@dataclass
class Story:
    """Who was asked by which sync at each step, what waited then, and what was said of p1."""

    company: TestCompany
    sent: dict[str, list[str]] = field(default_factory=dict)
    waits: dict[str, list[str]] = field(default_factory=dict)
    said: dict[str, str] = field(default_factory=dict)


def make(root: Path) -> TestCompany:
    """The tool has asked p0 four days ago; p1's ticket is solved."""
    company = TestCompany(root, SOURCES, dict(SETTINGS))
    company.select = [*BELOW_MARTS, "+send_holds", *(f"+sync_hook_{name}" for name in MODELS)]
    for name, sql in MODELS.items():
        company.model(f"syncs/sync_hook_{name}.sql", sql)
    exposures = [
        EXPOSURE.format(name=name, purpose=purpose)
        for name, purpose in (("asked", "after_service"), ("panel", "panel"))
    ]
    company.model("syncs/_syncs.yml", "exposures:\n" + "".join(exposures))
    company.csv("data/contacts1.csv", "id,email,phone,first,last", *(f"{n},p{n}@x.io,,N,F" for n in range(4)))
    company.csv("data/tickets1.csv", TICKETS, "t1,solved,2026-06-28 08:00:00,2026-06-29 05:00:00,p1@x.io")
    company.csv("data/invitations1.csv", "id,at,email", "i0,2026-06-25 08:00:00,p0@x.io")
    return company


def build(company: TestCompany, moment: str) -> None:
    """Pin the clock, load and build."""
    company.settings["clock"] = {"as_of": f"{moment}Z"}
    company.configure()
    company.load_and_build()


def send(story: Story, receiver: Recorder, moment: str, run: str) -> None:
    """Export, and keep what arrived."""
    before = len(receiver.operations)
    export(story.company.root / "cdp.yml", receiver.url, moment, run)
    fresh = receiver.operations[before:]
    story.sent[run] = sorted(f"{one['row']['kind']} {one['row']['email'][:2]}" for one in fresh)


def look(story: Story, moment: str, step: str) -> None:
    """What `cdp plan` and `cdp why` would say."""
    company, now = story.company.company, datetime.fromisoformat(f"{moment}+00:00")
    shown = plan_lines(plan(company))
    story.waits[step] = [line.strip() for line in shown if "waiting" in line]
    sync = next(one for one in sync_specs(company) if one.name == "panel")
    with duckdb.connect(str(company.warehouse)) as con:
        told = why(con, "p1@x.io", sync, purpose_specs(company)["panel"], now)
    story.said[step] = told["conclusion"]


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    """An answer that is lost, the same run again, a day later, and when the cooldown of most is over."""
    told = Story(make(tmp_path_factory.mktemp("asking") / "desk"))
    company = told.company
    with recorder() as receiver:
        build(company, "2026-06-29T07:00:00")
        receiver.behave, receiver.apply_anyway = (lambda request: (503, {}, None)), True
        send(told, receiver, "2026-06-29T07:00:00", "lost")
        receiver.behave = lambda request: (200, {}, {})
        send(told, receiver, "2026-06-29T07:05:00", "again")
        company.csv("data/tickets2.csv", TICKETS, "t2,solved,2026-06-29 08:00:00,2026-06-30 05:00:00,p2@x.io")
        build(company, "2026-06-30T07:00:00")
        look(told, "2026-06-30T07:00:00", "a day later")
        told.waits["trigger"] = [
            row[0]
            for row in company.rows("select reason from marts.trigger_messages where state = 'waiting'")
        ]
        send(told, receiver, "2026-06-30T07:00:00", "a day later")
        build(company, "2026-07-29T08:00:00")
        send(told, receiver, "2026-07-29T08:00:00", "a month later")
        look(told, "2026-07-29T08:00:00", "a month later")
    return told


def test_each_is_asked_once_within_the_cooldown(story: Story) -> None:
    """What got no answer goes again as itself; the sample leaves out whom tool and trigger asked, for a month."""
    assert story.sent["lost"] == ["asked p1", "panel p2", "panel p3"]
    assert story.sent["again"] == story.sent["lost"]
    assert story.sent["a day later"] == []
    assert story.sent["a month later"] == ["asked p2", "panel p0", "panel p1"]


def test_the_trigger_waits_for_what_a_sync_has_sent(story: Story) -> None:
    """Her ticket was solved the day after the sample asked her: no invitation is made that could only wait."""
    assert story.waits["trigger"] == ["cooldown"]


def test_plan_and_why_name_the_reason(story: Story) -> None:
    """Two wait for the cooldown; nothing of this sync was ever sent to her, and afterwards it was."""
    assert story.waits["a day later"] == ["waiting  2 survey cooldown"]
    assert story.waits["a month later"] == []
    held = "in the sync model; may not be sent now: survey cooldown (waits); "
    assert story.said["a day later"] == held + "nothing was ever sent"
    assert story.said["a month later"] == held + "the destination has accepted the row"
