"""Declared journeys: the SQL against a walk through each customer's touches, touch by touch; wrong declarations."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cli.config import load_company
from cli.config_journeys import COLUMNS, Journey, JourneyStage, journey_rows
from pipelines.errors import UsageError
from tests.macros import model_sql

START = datetime(2026, 1, 1)
AS_OF = START + timedelta(days=30)
KINDS = ("session", "order")
Step = tuple[str, str, int, int, datetime]


@dataclass(frozen=True)
class Touch:
    """One row of the timeline; days since START, several may fall on one moment."""

    customer: str
    day: int
    number: int
    kind: str
    detail: str | None
    by_customer: bool

    @property
    def order(self) -> tuple[int, str]:
        """Time, then name: the order of the timeline."""
        return self.day, self.name

    @property
    def name(self) -> str:
        """The touch's id."""
        return f"t{self.number:03}"

    def fits(self, stage: JourneyStage) -> bool:
        """Whether the touch meets the stage's condition."""
        words = not stage.detail or any(
            self.detail is not None and (self.detail.startswith(w[:-1]) if w[-1] == "*" else self.detail == w)
            for w in stage.detail
        )
        # a visit that is nobody's doing is a robot's
        is_robot = self.kind == "session" and not self.by_customer
        by = stage.by in (None, "customer" if self.by_customer else "us")
        return self.kind in stage.kind and words and by and not is_robot


def walk(journey: Journey, touches: list[Touch]) -> list[tuple[int, int, Touch]]:
    """The passes of one customer as (pass, stage, touch), by going from touch to touch."""
    ordered = sorted(touches, key=lambda one: one.order)
    entries = [at for at, touch in enumerate(ordered) if touch.fits(journey.stages[0])]
    found: list[tuple[int, int, Touch]] = []
    number, free_from = 0, -1
    for place, entry in enumerate(entries):
        if entry <= free_from or (number and journey.reentry == "never"):
            continue
        number += 1
        last = (
            entries[place + 1]
            if journey.reentry == "always" and place + 1 < len(entries)
            else len(ordered) - 1
        )
        at, reached = entry, [entry]
        for stage in journey.stages[1:]:
            ahead = [one for one in range(at + 1, last + 1) if ordered[one].fits(stage)]
            if not ahead or late(stage, ordered[at], ordered[ahead[0]]):
                break
            at = ahead[0]
            reached.append(at)
        found += [(number, stage_no, ordered[one]) for stage_no, one in enumerate(reached, start=1)]
        if journey.reentry == "after_goal":
            free_from = at if len(reached) == len(journey.stages) else len(ordered)
    return found


def late(stage: JourneyStage, before: Touch, touch: Touch) -> bool:
    """Whether the touch came after the time the stage allows."""
    return stage.within_days is not None and touch.day - before.day > stage.within_days


def built(journey: Journey, touches: list[Touch]) -> duckdb.DuckDBPyConnection:
    """The journey models over these touches, in memory."""
    con = duckdb.connect()
    types = {"string": "varchar", "int": "integer"}
    listed = ", ".join(f"{name} {types.get(kind, kind)}" for name, kind in COLUMNS)
    con.execute(f"create table config_journeys ({listed})")
    con.execute(
        "create table customer_touches (touch_id varchar, customer_id varchar, occurred_at timestamp, kind varchar,"
        " touchpoint varchar, channel varchar, detail varchar, is_by_customer boolean)"
    )
    marks = ", ".join("?" * len(COLUMNS))
    con.executemany(f"insert into config_journeys values ({marks})", journey_rows({"j": journey}))
    rows = [
        (
            one.name,
            one.customer,
            START + timedelta(days=one.day),
            one.kind,
            None,
            None,
            one.detail,
            one.by_customer,
        )
        for one in touches
    ]
    if rows:
        con.executemany("insert into customer_touches values (?, ?, ?, ?, ?, ?, ?, ?)", rows)
    con.execute("create table run_clock as select cast(? as timestamp) as as_of", [AS_OF])
    for name in ("int_journeys__touches", "int_journeys__steps", "journey_customers", "journey_stages"):
        con.execute(f"create table {name} as {model_sql(f'marts/journeys/{name}.sql')}")
    return con


@st.composite
def stages(draw: st.DrawFn) -> dict[str, Any]:
    """The condition of one stage: most say no more than a kind, so that goals are reached."""
    said: dict[str, Any] = {
        "kind": draw(st.lists(st.sampled_from(KINDS), min_size=1, max_size=2, unique=True))
    }
    more = draw(st.sampled_from((None, None, "detail", "by")))
    if more == "detail":
        said["detail"] = draw(st.lists(st.sampled_from(("sale", "s*", "refunded")), min_size=1, unique=True))
    elif more == "by":
        said["by"] = draw(st.sampled_from(("customer", "us")))
    within = draw(st.sampled_from((None, "1d", "3d", "10d")))
    return said | ({"within": within} if within else {})


@st.composite
def journeys(draw: st.DrawFn) -> Journey:
    """A declared journey of two to four stages, which may fit the same touches."""
    said = draw(st.lists(stages(), min_size=2, max_size=4))
    said[0].pop("within", None)
    named = [stage | {"name": f"s{place}"} for place, stage in enumerate(said)]
    reentry = draw(st.sampled_from(("never", "after_goal", "always")))
    return Journey.model_validate({"stages": named, "reentry": reentry})


@st.composite
def timelines(draw: st.DrawFn) -> list[Touch]:
    """Touches of two customers, many at one moment."""
    one = st.tuples(
        st.sampled_from(("c1", "c2")),
        st.integers(0, 25),
        st.sampled_from(KINDS),
        st.sampled_from((None, "sale", "solved", "refunded")),
        st.booleans(),
    )
    drawn = draw(st.lists(one, max_size=20))
    return [
        Touch(who, day, place, kind, detail, by) for place, (who, day, kind, detail, by) in enumerate(drawn)
    ]


@settings(max_examples=70, deadline=None)
@given(journeys(), timelines())
def test_every_pass_and_stage_is_that_of_a_walk_touch_by_touch(
    journey: Journey, touches: list[Touch]
) -> None:
    """All re-entry rules, time limits, touches that fit two stages, and touches of one moment."""
    with built(journey, touches) as con:
        found = con.execute(
            "select customer_id, pass_no, stage_no, touch_id from int_journeys__steps order by all"
        ).fetchall()
        counted = con.execute(
            "select reached, moved_on, waiting, dropped, n, converted from journey_stages"
        ).fetchall()
    expected = sorted(
        (who, number, stage_no, touch.name)
        for who in ("c1", "c2")
        for number, stage_no, touch in walk(journey, [one for one in touches if one.customer == who])
    )

    assert found == expected
    assert sum(row[0] for row in counted) == len(expected)
    assert all(row[0] == sum(row[1:4]) for row in counted if row[1] is not None)
    assert all(row[5] <= row[4] <= row[0] for row in counted if row[1] is not None)


def test_a_touch_that_fits_two_stages_is_one_of_them() -> None:
    """First and second order are two orders, and each pass of `always` may end with the order that begins the next."""
    order = {"kind": ["order"]}
    journey = Journey.model_validate(
        {
            "reentry": "always",
            "stages": [order | {"name": "first"}, order | {"name": "second", "within": "5d"}],
        }
    )
    touches = [Touch("c1", day, place, "order", None, True) for place, day in enumerate((0, 3, 20))]
    with built(journey, touches) as con:
        found = con.execute(
            "select pass_no, stage, status, days_to_goal from journey_customers order by pass_no"
        ).fetchall()

    assert found == [(1, "second", "goal", 3.0), (2, "first", "dropped", None), (3, "first", "dropped", None)]


WRONG = [
    ("- {name: a, kind: order}", "j.stages", 8, "at least 2 items"),
    ("- {name: a, kind: order}\n      - {name: a, kind: order}", "j", 7, "two stages are called `a`"),
    ("- {name: a, kind: order}\n      - {name: b, kind: orders}", "kind", 10, "no touch is of kind 'orders'"),
    (
        "- {name: a, kind: order, within: 3d}\n      - {name: b, kind: order}",
        "j",
        7,
        "the first stage is the entry",
    ),
    (
        "- {name: a, kind: order}\n      - {name: b, kind: order, within: 3h}",
        "within",
        10,
        "should match pattern",
    ),
    ("- {name: a, kind: order}\n      - {name: b}", "kind", 10, "Field required"),
    ("- {name: a, kind: order}\n      - {name: b, kind: order, where: x}", "where", 10, "unknown key"),
]


@pytest.mark.parametrize(("said", "key", "line", "why"), WRONG)
def test_a_wrong_declaration_is_refused_with_its_line(
    tmp_path: Path, said: str, key: str, line: int, why: str
) -> None:
    """What, where and why, before anything runs (exit 2)."""
    text = (
        "sources:\n  - name: crm\n    connector: files\n    tables:\n"
        "      - {name: c, entity: contact, path: c.csv, key: [id], columns: {email: email}}\n"
        f"journeys:\n  j:\n    stages:\n      {said}\n"
    )
    path = tmp_path / "cdp.yml"
    path.write_text(text)
    with pytest.raises(UsageError) as caught:
        load_company(path)

    assert f"cdp.yml:{line}: " in str(caught.value)
    assert why in str(caught.value)
    assert key in str(caught.value)
    assert caught.value.exit_code == 2
