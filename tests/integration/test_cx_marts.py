"""The CX, service, consent and audience marts of a small company, against an oracle and a full refresh.

The answers are made here and kept in pandas: tests/oracle.py computes each cell of `cx_scores` from them.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests import oracle
from tests.companies import BELOW_MARTS, TestCompany

QUESTIONS: dict[str, dict[str, Any]] = {
    "nps": {"metric": "nps", "scale": [0, 10], "missing": [99], "kind": "relational"},
    "csat": {
        "metric": "csat",
        "scale": [1, 5],
        "satisfied_from": 4,
        "kind": "transactional",
        "touchpoint": "shop",
    },
    "effort": {
        "metric": "ces",
        "scale": [1, 7],
        "easy_from": 5,
        "high_is": "effort",
        "kind": "transactional",
    },
}
ORIENT: dict[str, Callable[[pd.Series], pd.Series]] = {"effort": lambda scores: 8 - scores}
MEASURES: dict[str, Callable[[pd.Series], oracle.Score]] = {
    "nps": oracle.nps,
    "csat": oracle.csat,
    "effort": lambda scores: oracle.ces(scores, 5),
}
RESPONSE_COLUMNS = [
    "id",
    "changed",
    "gone",
    "mail",
    "at",
    "channel",
    "language",
    "invitation",
    "test",
    *QUESTIONS,
]
PERIODS: dict[str, Callable[[pd.Timestamp], pd.Timestamp]] = {
    "year": lambda day: day.replace(month=1, day=1),
    "quarter": lambda day: day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1),
    "month": lambda day: day.replace(day=1),
    "week": lambda day: day - timedelta(days=(day.weekday() + 1) % 7),  # Sunday
}
Built = tuple[TestCompany, pd.DataFrame]
MARTS = ("cx", "service", "sales", "marketing", "consent", "audiences")


def table(name: str, entity: str, key: list[str], columns: dict[str, Any], **more: Any) -> dict[str, Any]:
    """One table of cdp.yml whose files start with its name."""
    return {
        "name": name,
        "entity": entity,
        "path": f"data/{name}_*.csv",
        "key": key,
        "columns": columns,
    } | more


def same(*names: str) -> dict[str, str]:
    """Columns that are called alike here and there."""
    return {name: name for name in names}


RESPONSES = table(
    "responses",
    "response",
    ["id"],
    {
        "response_id": "id",
        "survey": {"value": "s1"},
        "email": "mail",
        "responded_at": "at",
        "channel": "channel",
        "language": "language",
        "invitation_id": "invitation",
        "is_test": "test",
    },
    updated_at="changed",
    deleted_at="gone",
    questions={name: name for name in QUESTIONS},
)
INVITATIONS = table(
    "invitations",
    "invitation",
    ["id"],
    {
        "invitation_id": "id",
        "survey": {"value": "s1"},
        "channel": "channel",
        "sent_at": "sent",
        "delivered_at": "delivered",
        "email": "mail",
    },
)
CONTACTS = table("contacts", "contact", ["id"], same("email", "phone") | {"user_id": "id"})
CONSENTS = table(
    "consents",
    "consent",
    ["id"],
    same("channel", "purpose", "state", "email", "phone") | {"occurred_at": "at"},
)
PREFERENCES = table("preferences", "preference", ["id"], same("language", "frequency", "email"))
DEALS = table(
    "deals", "deal", ["id"], {"deal_id": "id"} | same("stage", "amount", "email"), updated_at="changed"
)
TICKETS = table(
    "tickets",
    "ticket",
    ["id"],
    {"ticket_id": "id", "opened_at": "opened", "solved_at": "solved"} | same("status", "email"),
    updated_at="changed",
)
LOG = table(
    "log",
    "stage_change",
    [],
    {"subject_type": {"value": "ticket"}, "subject_id": "case", "stage": "stage", "changed_at": "at"},
)
CAMPAIGNS = table("campaigns", "campaign", ["id"], {"campaign_id": "id"} | same("name"))
MESSAGES = table(
    "messages",
    "message",
    ["id"],
    {"message_id": "message", "occurred_at": "at", "is_hard_bounce": "hard"}
    | same("kind", "channel", "email"),
)
SOURCES = [
    {"name": "survey", "connector": "files", "tables": [RESPONSES, INVITATIONS]},
    {"name": "crm", "connector": "files", "tables": [CONTACTS, CONSENTS, PREFERENCES, DEALS]},
    {"name": "desk", "connector": "files", "tables": [TICKETS]},
    {"name": "old_desk", "connector": "files", "tables": [LOG]},
    {"name": "mailer", "connector": "files", "tables": [CAMPAIGNS, MESSAGES]},
]
SETTINGS = {
    "reporting": {"timezone": "Asia/Ho_Chi_Minh", "week_starts": "sunday"},
    "cx": {"questions": QUESTIONS},
    "purposes": {
        "news": {"basis": "consent", "channel": "email", "expires_after": "365d"},
        "surveys": {"basis": "legitimate_interest", "channel": "email"},
    },
}


def answers(seed: int, first: int, count: int) -> pd.DataFrame:
    """Made responses: repeats, nameless and undated ones, missing and impossible scores, previews."""
    rng = np.random.default_rng(seed)
    moments = pd.Timestamp("2026-01-15") + pd.to_timedelta(rng.integers(0, 150 * 86400, count), unit="s")
    frame = pd.DataFrame({"id": [f"r{first + n}" for n in range(count)], "changed": "2026-06-01", "gone": ""})
    frame["mail"] = [f"p{n}@x.io" if n < 60 else "" for n in rng.integers(0, 120, count)]
    frame["at"] = np.where(rng.random(count) < 0.03, "", moments.strftime("%Y-%m-%d %H:%M:%S"))
    frame["channel"] = rng.choice(["mail", "web", ""], count)
    frame["language"] = rng.choice(["vi", "th"], count, p=[0.8, 0.2])
    frame["invitation"] = [f"i{n}" if n < 200 else "" for n in range(first, first + count)]
    frame["test"] = rng.choice(["no", "yes", ""], count, p=[0.6, 0.05, 0.35])
    frame["nps"] = rng.choice([*range(11), 99, 12], count).astype(str)
    frame["csat"] = rng.choice(["1", "2", "3", "4", "5", ""], count)
    frame["effort"] = rng.choice(["1", "2", "3", "4", "5", "6", "7", "many"], count)
    return frame


def write(company: TestCompany, name: str, frame: pd.DataFrame) -> None:
    """Deliver responses as a file."""
    company.csv(f"data/responses_{name}.csv", ",".join(RESPONSE_COLUMNS))
    frame.to_csv(company.root / "data" / f"responses_{name}.csv", columns=RESPONSE_COLUMNS, index=False)


def first_delivery(company: TestCompany) -> pd.DataFrame:
    """300 responses and what else a company has."""
    frame = answers(1, 0, 300)
    write(company, "1", frame)
    arrived = ["2026-06-01" if n % 9 else "" for n in range(300)]
    company.csv(
        "data/invitations_1.csv",
        "id,channel,sent,delivered,mail",
        *(f"i{n},mail,2026-0{1 + n % 5}-03 20:00:00,{arrived[n]},p{n}@x.io" for n in range(300)),
    )
    company.csv(
        "data/contacts_1.csv", "id,email,phone", *(f"u{n},p{n}@x.io,+8491234{n:04d}" for n in range(50))
    )
    company.csv(
        "data/consents_1.csv",
        "id,channel,purpose,state,email,phone,at",
        "k1,email,news,granted,p1@x.io,,2026-01-01",
        "k2,email,news,granted,p2@x.io,,2026-01-01",
        "k3,email,news,granted,p3@x.io,,2025-06-29",
        "k4,email,surveys,objected,p4@x.io,,2026-01-01",
        "k5,email,news,granted,p5@x.io,,2026-01-01",
        "k6,email,news,denied,p5@x.io,,2026-01-01",
    )
    company.csv(
        "data/preferences_1.csv", "id,language,frequency,email", "f1,vi,weekly,p1@x.io", "f2,th,daily,p2@x.io"
    )
    company.csv("data/deals_1.csv", "id,stage,amount,email,changed", "d1,new,100.50,p1@x.io,2026-01-01")
    company.csv(
        "data/tickets_1.csv",
        "id,opened,solved,status,email,changed",
        "t1,2026-01-01 08:00:00,,open,p1@x.io,2026-01-01",
        "t2,2026-01-01 08:00:00,2026-01-02 08:00:00,solved,,2026-01-02",
    )
    company.csv(
        "data/log_1.csv", "case,stage,at", "c1,new,2026-01-01", "c1,closed,2026-01-03", "c2,new,2026-01-01"
    )
    company.csv("data/campaigns_1.csv", "id,name", "m1,Spring")
    company.csv(
        "data/messages_1.csv",
        "id,message,kind,channel,email,at,hard",
        "e1,m1,sent,email,p1@x.io,2026-02-01,",
        "e2,m1,bounced,email,p6@x.io,2026-02-01,true",
    )
    return frame


def second_delivery(company: TestCompany, before: pd.DataFrame) -> pd.DataFrame:
    """Late answers; corrections of score, owner, date; a deletion; a contact that makes two people one."""
    late, fixed = answers(2, 300, 80), before.iloc[:30].copy()
    fixed["changed"], fixed["nps"] = "2026-06-20", "10"
    fixed.loc[fixed.index[:10], "mail"] = "p1@x.io"
    fixed.loc[fixed.index[10:15], "mail"] = ""
    fixed.loc[fixed.index[15:20], "at"] = "2026-02-01 00:30:00"
    fixed.loc[fixed.index[20:22], "gone"] = "true"
    write(company, "2", pd.concat([late, fixed]))
    company.csv(
        "data/contacts_2.csv", "id,email,phone", "u90,p1@x.io,+84912340002", "u7,p70@x.io,+84912340007"
    )
    company.csv(
        "data/consents_2.csv",
        "id,channel,purpose,state,email,phone,at",
        "k9,email,news,withdrawn,p2@x.io,,2025-12-01",
    )
    company.csv("data/preferences_2.csv", "id,language,frequency,email", "f3,en,never,p1@x.io")
    company.csv("data/deals_2.csv", "id,stage,amount,email,changed", "d1,won,120,p3@x.io,2026-03-01")
    company.csv(
        "data/tickets_2.csv",
        "id,opened,solved,status,email,changed",
        "t1,2026-01-01 08:00:00,2026-01-01 20:00:00,solved,p9@x.io,2026-01-03",
    )
    company.csv("data/log_2.csv", "case,stage,at", "c2,closed,2026-01-05", "c3,new,2026-01-05")
    company.csv(
        "data/messages_2.csv",
        "id,message,kind,channel,email,at,hard",
        "e3,m1,unsubscribed,email,p1@x.io,2026-03-01,",
        "e4,m1,complained,email,p8@x.io,2026-03-01,",
        "e5,m1,opened,email,nobody@x.io,2026-03-01,",
    )
    kept = pd.concat([before.iloc[30:], late, fixed[fixed["gone"] == ""]])
    return kept.reset_index(drop=True)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The company after two loads, the second one built on top of the first; and the answers that hold."""
    folder = tmp_path_factory.mktemp("cx")
    marts = (f"path:models/marts/{name}" for name in MARTS)
    own = ("path:company_models", "path:models/customer/consent", "t_quantiles")
    select = (*BELOW_MARTS, *own, *marts)
    company = TestCompany(folder, SOURCES, SETTINGS, select=select)
    company.model(
        "audiences/unhappy.sql",
        "select distinct customer_id, 'nps' as reason from {{ ref('feedback') }}"
        " where is_detractor and customer_id is not null",
    )
    frame = first_delivery(company)
    company.load_and_build()
    frame = second_delivery(company, frame)
    assert not company.load_and_build().full
    return company, frame


def usable(frame: pd.DataFrame, question: str) -> pd.DataFrame:
    """Answers that count, with `score` turned so that more is better, and the local `day`."""
    low, high = QUESTIONS[question]["scale"]
    scores = pd.to_numeric(frame[question], errors="coerce")
    found = frame[scores.between(low, high) & (frame["test"] != "yes")].copy()
    found["score"] = ORIENT.get(question, lambda values: values)(scores[found.index])
    found["day"] = (pd.to_datetime(found["at"], errors="coerce") + timedelta(hours=7)).dt.normalize()
    return found


def expected(frame: pd.DataFrame, question: str) -> dict[tuple[str, str | None, str, str], oracle.Score]:
    """The oracle's figure of every cell of all, channel and language by every period."""
    out: dict[tuple[str, str | None, str, str], oracle.Score] = {}
    found = usable(frame, question)
    for dimension in ("all", "channel", "language"):
        values = (
            pd.Series("all", index=found.index) if dimension == "all" else found[dimension].replace("", pd.NA)
        )
        for period in ("all", *PERIODS):
            starts = pd.Series("", index=found.index)
            if period != "all":
                starts = found["day"].map(PERIODS[period], na_action="ignore").dt.strftime("%Y-%m-%d")
            for (value, start), cell in found.groupby([values, starts]):
                out[period, start or None, dimension, value] = MEASURES[question](cell["score"])
    return out


@pytest.mark.filterwarnings("ignore:Degrees of freedom", "ignore:invalid value")
@pytest.mark.parametrize("question", list(QUESTIONS))
def test_every_cell_equals_the_oracle(built: Built, question: str) -> None:
    """Sample, counts, figure and interval of each period and cut, built in two steps."""
    company, frame = built
    found = company.rows(
        f"""select period, period_start::varchar, dimension, dimension_value,
            n, coalesce(promoters, satisfied), score, ci_low, ci_high, enough_n
        from marts.cx_scores where question = '{question}' and dimension in ('all', 'channel', 'language')"""
    )
    wanted = expected(frame, question)

    assert {row[:4] for row in found} == set(wanted)
    assert len(found) > 100
    for row in found:
        one = wanted[row[:4]]
        assert (row[4], row[5], row[9]) == (one.n, one.high, one.n >= 30)
        assert row[6] == pytest.approx(one.score, rel=1e-9, abs=1e-12)
        if np.isnan(one.ci_low):
            assert row[7:9] == (None, None)
            continue
        # an interval never leaves out its own figure
        bounds = (min(one.ci_low, one.score), max(one.ci_high, one.score))
        assert row[7:9] == pytest.approx(bounds, rel=1e-9, abs=1e-12)


def test_respondents_are_people_where_they_are_known(built: Built) -> None:
    """Who answered twice is one respondent, and so are two addresses of one merged person."""
    company, frame = built
    found = usable(frame, "nps")
    names = found["mail"].replace({"p2@x.io": "p1@x.io"}).where(found["mail"] != "", found["id"])

    n, respondents = company.rows(
        """select n, respondents from marts.cx_scores
        where question = 'nps' and period = 'all' and dimension = 'all'"""
    )[0]

    assert (n, respondents) == (len(found), names.nunique())
    assert respondents < n


def test_response_rate_is_of_delivered_invitations(built: Built) -> None:
    """Every ninth invitation bounced; the rate of a month is of the invitations sent in it, local time."""
    company, frame = built
    delivered = {f"i{n}": 1 + n % 5 for n in range(300) if n % 9}
    answered = set(usable(frame, "csat")["invitation"])

    rows = company.rows(
        """select month(period_start), invited, response_rate from marts.cx_scores
        where question = 'csat' and period = 'month' and dimension = 'all'
            and period_start < date '2026-06-01'"""
    )

    assert sorted(month for month, _, _ in rows) == [1, 2, 3, 4, 5]
    for month, invited, rate in rows:
        asked = {name for name, sent in delivered.items() if sent == month}
        assert invited == len(asked)
        assert rate == pytest.approx(len(asked & answered) / len(asked))


def test_consents_hold_at_as_of(built: Built) -> None:
    """Unsubscribing withdraws and objects, an older withdrawal changes nothing, a year ends, ties deny."""
    company, _ = built

    rows = company.rows("select contact_point, purpose, state from marts.consents order by 1, 2")
    stopped = company.rows("select contact_point, reason from customer.suppressions order by 1")

    assert rows == [
        ("p1@x.io", "news", "withdrawn"),
        ("p1@x.io", "surveys", "objected"),
        ("p2@x.io", "news", "granted"),
        ("p3@x.io", "news", "expired"),
        ("p4@x.io", "surveys", "objected"),
        ("p5@x.io", "news", "denied"),
    ]
    assert stopped == [("p6@x.io", "hard_bounce"), ("p8@x.io", "complaint")]


def test_tickets_of_both_kinds(built: Built) -> None:
    """Declared tickets keep their own times, logged ones run from the first change to the solution; `new` is none."""
    company, _ = built

    rows = company.rows(
        """select record_id, customer_id is not null, resolution_hours, is_open, changes
        from marts.tickets order by 1"""
    )

    assert rows == [
        ("desk.tickets:t1", True, 12.0, False, None),
        ("desk.tickets:t2", False, 24.0, False, None),
        ("old_desk.stage~c1", False, 48.0, False, 2),
        ("old_desk.stage~c2", False, 96.0, False, 2),
        ("old_desk.stage~c3", False, None, True, 1),
    ]


def test_audience_history_explains_the_members(built: Built) -> None:
    """Entered less left is who is in; some left, because corrections made them promoters."""
    company, _ = built

    inside = company.rows(
        """select customer_id from marts.audience_history group by customer_id
        having max_by(event, history_seq) = 'entered' order by 1"""
    )
    members = company.rows("select customer_id from marts.audience_members order by 1")
    left = company.rows("select count(*) from marts.audience_history where event = 'left'")[0][0]

    assert inside == members
    assert members
    assert left > 0


def test_nothing_new_changes_nothing_and_a_full_refresh_is_the_same(built: Built) -> None:
    """Law 2 for these marts: built again, then from scratch, row for row, audience memory included."""
    company, _ = built

    def snapshot() -> dict[str, list[str]]:
        stopped = company.rows("select * from customer.suppressions order by all")
        return company.marts() | {"suppressions": [str(row) for row in stopped]}

    before = snapshot()
    company.load_and_build()
    again = snapshot()
    company.build(full_refresh=True)
    full = snapshot()

    filled = {name for name, rows in before.items() if rows}
    assert filled >= {
        "feedback",
        "cx_scores",
        "cx_nps_monthly",
        "cx_csat_by_touchpoint",
        "tickets",
        "deals",
        "campaigns",
        "messages",
        "consents",
        "preferences",
        "suppressions",
        "audience_members",
        "audience_history",
    }
    assert again == before
    assert full == before
