"""Closed-loop cases and service figures of a small company, against pandas, through decisions, a merge and a full refresh.

The rows are made here and kept as frames; what must come out is worked out from them again, row by row or with pandas, by
code that shares nothing with the models.
"""

import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest

from tests.companies import BELOW_MARTS, TestCompany
from tests.integration.test_cx_marts import same, table

AS_OF = pd.Timestamp("2026-06-30")
PEOPLE = 60
ZONE = timedelta(hours=7)
QUESTIONS = {
    "nps": {"metric": "nps", "scale": [0, 10], "kind": "relational"},
    "csat": {"metric": "csat", "scale": [1, 5], "satisfied_from": 4, "kind": "relational"},
}
SOURCES = [
    {
        "name": "crm",
        "connector": "files",
        "tables": [
            table("contacts", "contact", ["id"], same("email", "phone") | {"user_id": "id"}),
            table(
                "orders",
                "order",
                ["id"],
                same("email") | {"order_id": "id", "ordered_at": "at", "gross_amount": "amount"},
            ),
        ],
    },
    {
        "name": "survey",
        "connector": "files",
        "tables": [
            table(
                "responses",
                "response",
                ["id"],
                same("email", "touchpoint") | {"responded_at": "at", "ticket_id": "ticket"},
                questions={name: name for name in QUESTIONS},
            ),
            table(
                "invitations", "invitation", ["id"], same("email") | {"invitation_id": "id", "sent_at": "at"}
            ),
        ],
    },
    {
        "name": "desk",
        "connector": "files",
        "tables": [
            table(
                "tickets",
                "ticket",
                ["id"],
                same("priority", "channel", "status", "email", "case_id")
                | {
                    "ticket_id": "id",
                    "opened_at": "opened",
                    "first_reply_at": "replied",
                    "solved_at": "solved",
                },
            ),
            table(
                "log",
                "stage_change",
                [],
                same("stage")
                | {"subject_type": {"value": "ticket"}, "subject_id": "ticket", "changed_at": "at"},
            ),
            table(
                "calls",
                "interaction",
                ["id"],
                same("kind", "direction", "email")
                | {"interaction_id": "id", "occurred_at": "at", "ticket_id": "ticket"},
            ),
        ],
    },
]
SETTINGS = {
    "reporting": {"timezone": "Asia/Ho_Chi_Minh", "currency": "USD", "week_starts": "monday"},
    "cx": {
        "questions": QUESTIONS,
        "case_owners": {"shop": "shop_team", "default": "cx_team"},
        "cases": {
            "triggers": {"detractor": {"due": "48h"}, "bad_csat": {"due": "3d"}},
            "bad_to": {"csat": 2},
            "window": "20d",
        },
        "survey_cooldown": "10d",
        "survey_purpose": "surveys",
    },
    "purposes": {"surveys": {"basis": "legitimate_interest", "channel": "email"}},
}


def moments(rng: np.random.Generator, count: int, days: int = 170) -> pd.Series:
    """Moments of the first half of 2026, to the second."""
    return pd.Series(
        pd.Timestamp("2026-01-05") + pd.to_timedelta(rng.integers(0, days * 86400, count), unit="s")
    )


def made(seed: int) -> dict[str, pd.DataFrame]:
    """Answers, orders, calls, tickets and their log; without what would need a link that is not exact."""
    rng = np.random.default_rng(seed)

    def who(count: int) -> list[str]:
        return [f"p{n}@x.io" for n in rng.integers(0, PEOPLE, count).tolist()]

    answers = pd.DataFrame({"id": [f"a{n}" for n in range(260)], "email": who(260)})
    answers["at"] = moments(rng, 260)
    answers["touchpoint"] = rng.choice(["shop", "web", ""], 260)
    answers["ticket"] = np.where(rng.random(260) < 0.1, [f"t{n}" for n in rng.integers(0, 150, 260)], "")
    answers["nps"] = rng.integers(0, 11, 260)
    answers["csat"] = rng.choice(["1", "2", "3", "4", "5", ""], 260)
    orders = pd.DataFrame({"id": [f"o{n}" for n in range(2400)], "email": who(2400)})
    orders["at"] = moments(rng, 2400)
    orders["at"] -= pd.to_timedelta(rng.integers(0, 150, 2400), unit="D")
    orders["amount"] = rng.integers(0, 90, 2400)
    calls = pd.DataFrame({"id": [f"c{n}" for n in range(500)], "email": who(500), "at": moments(rng, 500)})
    calls["kind"] = rng.choice(["call", "mail", "meeting", "chat"], 500)
    calls["direction"] = rng.choice(["outbound", "inbound", ""], 500, p=[0.7, 0.2, 0.1])
    calls["ticket"] = np.where(rng.random(500) < 0.3, [f"t{n}" for n in rng.integers(0, 150, 500)], "")
    return {"answers": answers, "orders": orders, "calls": calls} | desk(rng)


def desk(rng: np.random.Generator) -> dict[str, pd.DataFrame]:
    """150 tickets: some without reply, solution, channel or priority; 60 of them with a log, 15 that came back."""
    tickets = pd.DataFrame({"id": [f"t{n}" for n in range(150)], "opened": moments(rng, 150, 150)})
    tickets["email"] = [f"p{n}@x.io" for n in rng.integers(0, PEOPLE, 150)]
    replied = tickets["opened"] + pd.to_timedelta(rng.exponential(40000, 150).astype(int), unit="s")
    solved = replied + pd.to_timedelta(rng.exponential(200000, 150).astype(int), unit="s")
    tickets["replied"] = replied.where(rng.random(150) < 0.8)
    tickets["solved"] = solved.where(rng.random(150) < 0.8)
    tickets["priority"] = rng.choice(["low", "high", ""], 150)
    tickets["channel"] = rng.choice(["mail", "phone"], 150)
    tickets["status"] = np.where(tickets["solved"].isna(), "open", "solved")
    tickets["case_id"] = ""
    rows = []
    for n in np.flatnonzero(tickets["solved"].notna())[:60]:
        ticket, end = tickets.loc[n, "id"], tickets.loc[n, "solved"]
        steps = [("new", tickets.loc[n, "opened"]), ("solved", end)]
        if n % 4 == 0:
            steps[1:] = [
                ("solved", end - timedelta(days=2)),
                ("open", end - timedelta(days=1)),
                ("solved", end),
            ]
        steps += [("closed", end + timedelta(days=1))]
        rows += [{"ticket": ticket, "stage": stage, "at": at} for stage, at in steps]
    log = pd.DataFrame(rows)
    early = log.merge(tickets, left_on="ticket", right_on="id")
    back = early[(early["stage"] == "solved") & (early["at"] < early["opened"])]["ticket"]
    return {"tickets": tickets, "log": log[~log["ticket"].isin(set(back))]}


def write(company: TestCompany, frames: dict[str, pd.DataFrame], name: str) -> None:
    """Deliver frames as files."""
    (company.root / "data").mkdir(parents=True, exist_ok=True)
    for key, frame in frames.items():
        frame.to_csv(
            company.root / "data" / f"{'responses' if key == 'answers' else key}_{name}.csv",
            index=False,
            date_format="%Y-%m-%d %H:%M:%S",
        )


@pytest.fixture(scope="module")
def frames() -> dict[str, pd.DataFrame]:
    """What the company delivers first."""
    return made(5)


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory, frames: dict[str, pd.DataFrame]) -> TestCompany:
    """The company after its first load."""
    select = (*BELOW_MARTS, "+path:models/marts/cases", "+path:models/marts/service")
    found = TestCompany(tmp_path_factory.mktemp("cases"), SOURCES, SETTINGS, select=select)
    people = [f"u{n},p{n}@x.io,+8490000{n:04d}" for n in range(PEOPLE)]
    found.csv("data/contacts_1.csv", "id,email,phone", *people)
    found.csv("data/invitations_1.csv", "id,email,at", "i1,p1@x.io,2026-06-21", "i2,p2@x.io,2026-06-20")
    write(found, frames, "1")
    found.load_and_build()
    return found


def triggers(answers: pd.DataFrame) -> pd.DataFrame:
    """Answers that open cases: 0 to 6 of 10, 1 and 2 of 5; both at once are two triggers."""
    bad = pd.to_numeric(answers["csat"], errors="coerce") <= 2
    kinds = [
        answers[answers["nps"] <= 6].assign(kind="detractor", rank=1),
        answers[bad].assign(kind="bad_csat", rank=2),
    ]
    return pd.concat(kinds).sort_values(["email", "touchpoint", "at", "rank", "id"], ignore_index=True)


def expected_cases(frames: dict[str, pd.DataFrame]) -> list[dict[str, Any]]:
    """Cases worked out one trigger after the other."""
    found: list[dict[str, Any]] = []
    for (email, place), rows in triggers(frames["answers"]).groupby(["email", "touchpoint"]):
        case: dict[str, Any] = {}
        for row in rows.itertuples():
            if not case or row.at - case["last"] > timedelta(days=20):
                case = {"email": email, "place": place, "opened": row.at, "first": row.id, "kind": row.kind}
                case |= {"kinds": set(), "tickets": set(), "n": 0}
                found.append(case)
            case |= {"last": row.at, "n": case["n"] + 1}
            case["kinds"].add(row.kind)
            case["tickets"] |= {row.ticket} - {""}
    for case in found:
        calls = frames["calls"]
        about = calls["ticket"].isin({"", *case["tickets"]}) & (calls["email"] == case["email"])
        right = (
            (calls["direction"] == "outbound") & (calls["kind"] != "chat") & (calls["at"] > case["opened"])
        )
        case["contact"] = calls[about & right]["at"].min()
        mine = frames["orders"][frames["orders"]["email"] == case["email"]]
        year = mine[(mine["at"] > AS_OF - pd.DateOffset(months=12)) & (mine["at"] <= AS_OF)]
        case["value"] = int(year["amount"].sum())
        case["due"] = case["opened"] + timedelta(hours=48 if "detractor" in case["kinds"] else 72)
    return found


def test_cases_equal_those_worked_out_by_hand(company: TestCompany, frames: dict[str, pd.DataFrame]) -> None:
    """Who, where, since when, how often said, first contact, deadline, money at risk: each case, and no other."""
    rows = company.rows(
        """select record_id, touchpoint, trigger_kind, triggers, opened_at, last_trigger_at, due_at, first_contact_at,
            value_at_risk, is_overdue, status, owner from marts.cx_cases"""
    )
    wanted = [
        (
            f"survey.responses:{case['first']}", case["place"] or None, case["kind"], case["n"], case["opened"], case["last"],
            case["due"], None if pd.isna(case["contact"]) else case["contact"], case["value"],
            pd.isna(case["contact"]) and case["due"] < AS_OF,
            "open" if pd.isna(case["contact"]) else "contacted",
            "shop_team" if case["place"] == "shop" else "cx_team",
        )
        for case in expected_cases(frames)
    ]  # fmt: skip

    assert sorted(rows, key=str) == sorted(
        (tuple(v.to_pydatetime() if isinstance(v, pd.Timestamp) else v for v in row) for row in wanted),
        key=str,
    )
    assert len({row[10] for row in rows}) == 2
    assert any(row[3] > 1 for row in rows)


def test_recovery_equals_numpy_from_the_files(company: TestCompany, frames: dict[str, pd.DataFrame]) -> None:
    """First detractor answer of each; groups at the landmark; orders per 30 days, difference and interval."""
    first = triggers(frames["answers"]).query("kind == 'detractor'").sort_values(["at", "id"])
    first = first.drop_duplicates("email")
    cases = expected_cases(frames)
    spent = frames["orders"].query("amount > 0")
    groups: dict[bool, list[tuple[int, int, int]]] = {True: [], False: []}
    for row in first.itertuples():
        mark = row.at + timedelta(days=14)
        end = min(mark + timedelta(days=90), AS_OF)
        hours = int((end - mark).total_seconds() // 3600)
        if hours <= 0:
            continue
        case = next(
            c for c in cases if (c["email"], c["place"]) == (row.email, row.touchpoint) and c["opened"] <= row.at <= c["last"]
        )  # fmt: skip
        calls = frames["calls"]
        right = (calls["direction"] == "outbound") & (calls["kind"] != "chat") & (calls["email"] == row.email)
        right &= calls["ticket"].isin({"", *case["tickets"]})
        called = bool((right & (calls["at"] > row.at) & (calls["at"] <= mark)).any())
        orders = spent[spent["email"] == row.email]["at"]
        before = orders[(orders > row.at - timedelta(days=90)) & (orders <= row.at)].size
        groups[called].append((orders[(orders > mark) & (orders <= end)].size, hours, before))
    rates, variances = {}, {}
    for called, people in groups.items():
        y, e, _ = (np.array(column, dtype=float) for column in zip(*people, strict=True))
        rates[called] = y.sum() / e.sum() * 720
        residuals = y - y.sum() / e.sum() * e
        variances[called] = (720 / e.sum()) ** 2 * y.size / (y.size - 1) * (residuals**2).sum()
    from scipy import stats

    quantile = stats.t.ppf(0.975, min(len(people) for people in groups.values()) - 1)
    difference = rates[True] - rates[False]
    half = quantile * np.sqrt(variances[True] + variances[False])
    spread = quantile * np.sqrt(sum(variances[one] / rates[one] ** 2 for one in (True, False)))
    ratio = rates[False] / rates[True]

    row = company.rows(
        """select contacted_n, uncontacted_n, contacted_before, uncontacted_before, contacted_after, uncontacted_after,
            difference, ci_low, ci_high, uncontacted_over_contacted, ratio_low, ratio_high
        from marts.cx_recovery where recovery_id = 'detractor/all/orders/all'"""
    )[0]

    assert row[:2] == (len(groups[True]), len(groups[False]))
    assert min(row[:2]) >= 10
    before = [sum(one[2] for one in groups[called]) / len(groups[called]) / 3 for called in (True, False)]
    assert row[2:] == pytest.approx(
        [
            *before, rates[True], rates[False], difference, difference - half, difference + half, ratio,
            ratio * np.exp(-spread), ratio * np.exp(spread),
        ],
        rel=1e-9,
    )  # fmt: skip


def test_the_interval_of_recovery_covers_what_was_planted(company: TestCompany) -> None:
    """600 simulated companies with a known ratio of 0.5 go through the model's own SQL at once."""
    compiled = next((company.root / ".cdp" / "target" / "compiled").rglob("cx_recovery.sql")).read_text()
    rng = np.random.default_rng(11)
    trials, people = 600, 150
    rate = rng.gamma(0.9, 0.33 / 720, (trials, people))
    hours = rng.integers(24, 2160, (trials, people))
    called = rng.random((trials, people)) < 0.5
    bought = rng.poisson(rate * hours * np.where(called, 1.0, 0.5))
    people_frame = pd.DataFrame(
        {
            "trigger_kind": np.repeat([f"s{n}" for n in range(trials)], people),
            "touchpoint": None,
            "question": "nps",
            "follow_up_days": 90,
            "follow_up_hours": hours.ravel(),
            "is_contacted": called.ravel(),
            "orders_before": 0,
            "orders_after": bought.ravel(),
            "score_before": 3,
            "score_after": pd.array([None] * (trials * people), dtype="Int64"),
        }
    )
    with duckdb.connect(str(company.root / "warehouse" / "cdp.duckdb"), read_only=True) as con:
        con.register("people_frame", people_frame)
        con.execute("create temp table simulated as select * from people_frame")
        names = [word for word in compiled.split() if "int_cases__recovery" in word]
        rows = con.execute(compiled.replace(names[0], "simulated")).fetch_df()
    held = ((rows["ratio_low"] <= 0.5) & (rows["ratio_high"] >= 0.5)).mean()
    truth = rate.mean() * 720 * 0.5
    differences = ((rows["ci_low"] <= 0.33 * 0.9 * 0.5) & (rows["ci_high"] >= 0.33 * 0.9 * 0.5)).mean()

    assert len(rows) == trials
    assert truth == pytest.approx(0.33 * 0.9 * 0.5, rel=0.02)
    assert 0.92 <= held <= 0.975
    assert 0.92 <= differences <= 0.975


def month(values: pd.Series) -> pd.Series:
    """The local month of moments."""
    return (values + ZONE).dt.to_period("M")


def test_service_metrics_equal_pandas(company: TestCompany, frames: dict[str, pd.DataFrame]) -> None:
    """Each month, all and by channel and priority: counts, backlog, medians, 90 % quantiles and means."""
    tickets, log = frames["tickets"], frames["log"]
    steps = log[log["stage"].isin(["solved", "open"])]
    moves = steps.assign(fact=np.where(steps["stage"] == "open", "reopened", "solved"))
    rest = tickets[tickets["solved"].notna() & ~tickets["id"].isin(log["ticket"])]
    rest = rest.rename(columns={"id": "ticket", "solved": "at"}).assign(fact="solved")
    moves = pd.concat([moves[["ticket", "at", "fact"]], rest[["ticket", "at", "fact"]]])
    moves = moves.merge(tickets[["id", "channel", "priority"]], left_on="ticket", right_on="id")
    checked = 0
    for channel in ("all", "mail", "phone"):
        for priority in ("all", "low", "high"):
            mine, moved = tickets, moves
            if channel != "all":
                mine, moved = mine[mine["channel"] == channel], moved[moved["channel"] == channel]
            if priority != "all":
                mine, moved = mine[mine["priority"] == priority], moved[moved["priority"] == priority]
            rows = company.rows(
                f"""select strftime(period_start, '%Y-%m'), opened, solved, reopened, backlog, first_reply_n,
                    first_reply_median_minutes, first_reply_p90_minutes, first_reply_mean_minutes, resolution_n,
                    resolution_median_minutes, resolution_p90_minutes, resolution_mean_minutes
                from marts.service_metrics
                where period = 'month' and channel = '{channel}' and priority = '{priority}' order by 1"""
            )
            reply = (mine["replied"] - mine["opened"]).dt.total_seconds() / 60
            took = (mine["solved"] - mine["opened"]).dt.total_seconds() / 60
            backlog = 0
            for row in rows:
                period = pd.Period(row[0])
                opened = int((month(mine["opened"]) == period).sum())
                facts = moved[month(moved["at"]) == period]["fact"].value_counts()
                solved, back = int(facts.get("solved", 0)), int(facts.get("reopened", 0))
                backlog += opened + back - solved
                assert row[1:5] == (opened, solved, back, backlog)
                for at, values, when in ((5, reply, mine["replied"]), (9, took, mine["solved"])):
                    cell = values[month(when) == period]
                    assert row[at] == cell.size
                    if cell.size:
                        figures = [cell.median(), cell.quantile(0.9), cell.mean()]
                        assert row[at + 1 : at + 4] == pytest.approx(figures, rel=1e-12)
                    checked += cell.size
            assert len(rows) >= 5
    assert checked > 500


def test_the_last_backlog_is_what_is_open(company: TestCompany, frames: dict[str, pd.DataFrame]) -> None:
    """Two routes to one number, in days, weeks and months; and no reply or return is made up."""
    rows = company.rows(
        """select period, arg_max(backlog, period_start) from marts.service_metrics
        where channel = 'all' and priority = 'all' and period <> 'all' group by period"""
    )
    open_now = int(frames["tickets"]["solved"].isna().sum())

    assert {backlog for _, backlog in rows} == {open_now}
    logged = frames["log"]["ticket"].nunique()
    assert company.rows("select count(*) from marts.tickets where reopens is null")[0][0] == 150 - logged
    assert company.rows("select count(*) from marts.tickets where is_reopened")[0][0] > 5


def test_who_may_be_asked_again(company: TestCompany, frames: dict[str, pd.DataFrame]) -> None:
    """Ten days after the last invitation or answer, whichever was later."""
    last = frames["answers"].groupby("email")["at"].max().to_dict()
    last["p1@x.io"] = max(last["p1@x.io"], pd.Timestamp("2026-06-21"))
    last["p2@x.io"] = max(last["p2@x.io"], pd.Timestamp("2026-06-20"))
    rows = company.rows(
        """select email, eligible_from, eligible, reason from marts.survey_eligibility
        inner join customer.golden_records using (customer_id)"""
    )

    assert len(rows) == PEOPLE
    for email, start, eligible, reason in rows:
        free = last[email] + timedelta(days=10) if email in last else None
        assert (None if start is None else pd.Timestamp(start)) == free
        assert eligible == (free is None or free <= AS_OF)
        assert reason == (None if eligible else "cooldown")
    assert {row[2] for row in rows} == {True, False}


def cdp(company: TestCompany, *words: str) -> tuple[int, Any, str]:
    """Exit code, stdout (as JSON where it is), stderr."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.quick_cdp", "cases", *words, "--config", str(company.root / "cdp.yml")],
        capture_output=True, text=True, cwd=Path(__file__).resolve().parents[2], check=False,
    )  # fmt: skip
    try:
        return done.returncode, json.loads(done.stdout), done.stderr
    except json.JSONDecodeError:
        return done.returncode, done.stdout, done.stderr


def test_decisions_hold_through_builds_merges_and_a_full_refresh(
    company: TestCompany, frames: dict[str, pd.DataFrame]
) -> None:
    """Assign and close; a ticket closes another; a merge of two customers keeps the ids and what was decided."""
    _, overdue, _ = cdp(company, "list", "--overdue", "--owner", "shop_team", "--json")
    one, two = overdue[0]["case_id"], overdue[1]["case_id"]
    assert all(row["is_overdue"] and row["owner"] == "shop_team" for row in overdue)
    assert [row["value_at_risk"] for row in overdue] == sorted(
        (row["value_at_risk"] for row in overdue), key=float, reverse=True
    )

    assert cdp(company, "assign", one, "lan", "--json")[1]["decision"] == 1
    assert cdp(company, "close", one, "--note", "refund sent")[0] == 0
    again, unknown = cdp(company, "close", one), cdp(company, "close", "case-0000000000000000")
    assert (again[0], unknown[0]) == (2, 2)
    assert "closed already" in again[2]
    assert "no case" in unknown[2]
    waiting = cdp(company, "list", "--limit", "1000")[1]
    assert sum("waits for" in line for line in waiting.splitlines()) == 1
    assert "@" not in waiting

    columns = frames["tickets"].columns
    solved = pd.DataFrame([["w1", "2026-06-28", "", "", "2026-06-29", "", "mail", "solved", two]])
    solved.columns = pd.Index(
        ["id", "opened", "email", "replied", "solved", "priority", "channel", "status", "case_id"]
    )
    write(company, {"tickets": solved[[*columns]]}, "2")
    # the owner of the case that was closed by hand turns out to be somebody else's second account
    email = company.rows(
        f"select email from marts.cx_cases inner join customer.golden_records using (customer_id) where case_id = '{one}'"
    )[0][0]
    before = company.rows("select case_id, record_id from marts.cx_cases order by all")
    number = email.split("@")[0].removeprefix("p")
    company.csv(
        "data/contacts_2.csv", "id,email,phone", f"u900,{email},+8490000{(int(number) + 1) % PEOPLE:04d}"
    )
    company.load_and_build()

    def shown(name: str, columns: str) -> list[tuple[Any, ...]]:
        return company.rows(
            f"""select {columns} from marts.cx_cases where case_id =
            (select case_id from customer.int_cases__members where trigger_id = '{name}')"""
        )

    assert shown(one, "status, owner, closed_by, decisions") == [("closed", "lan", "decision", 2)]
    assert shown(two, "status, closed_by, ticket_record_id") == [("closed", "ticket", "desk.tickets:w1")]
    # nobody's id is new; a case that another took in is gone, and its id still leads to it
    assert set(company.rows("select case_id, record_id from marts.cx_cases")) <= set(before)
    assert {row[0] for row in before} <= {
        row[0] for row in company.rows("select trigger_id from customer.int_cases__members")
    }

    assert cdp(company, "close", one, "--reopen")[0] == 0
    company.build()
    reopened = company.rows(
        f"select status, is_reopened, is_open from marts.cx_cases where case_id = '{one}'"
    )
    assert reopened == [("reopened", True, True)] or reopened == [("contacted", True, True)]

    marts = company.marts()
    decisions = company.rows("select * from cases.decisions order by all")
    company.build(full_refresh=True)
    assert company.marts() == marts
    assert company.rows("select * from cases.decisions order by all") == decisions
    assert len(decisions) == 3
