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
LIMITS = {"nps": 0, "csat": 4, "effort": 5}
MEASURES: dict[str, Callable[[pd.Series, list[str]], oracle.Score]] = {
    "nps": lambda scores, people: oracle.nps(scores, people),
    "csat": lambda scores, people: oracle.csat(scores, 4, people),
    "effort": lambda scores, people: oracle.ces(scores, 5, people),
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
    "weight",
    "words",
    *QUESTIONS,
]
# From the second delivery on the latter is the former: two addresses of one person.
MERGED = {"p2@x.io": "p1@x.io", "p121@x.io": "p120@x.io"}
LATE = range(130, 170)  # invitations that come after their answers
REDIRECTED = 125  # an invitation that went to the next person after all
PERIODS: dict[str, Callable[[pd.Timestamp], pd.Timestamp]] = {
    "year": lambda day: day.replace(month=1, day=1),
    "quarter": lambda day: day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1),
    "month": lambda day: day.replace(day=1),
    "week": lambda day: day - timedelta(days=(day.weekday() + 1) % 7),  # Sunday
}
Built = tuple[TestCompany, pd.DataFrame]
# what is kept per customer of answers and their words
OWNED = ("+customer_timeline", "+customer_activity")
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
        "weight": "weight",
        "text": "words",
        "tier": {"column": "language", "pii": False},
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
    "cx": {
        "questions": QUESTIONS,
        "dimensions": ["tier"],
        "response_window_days": 45,
        "surveys": {"S1": {"named_by_invitation": True}},
        "drivers": [{"outcome": "nps", "drivers": ["csat", {"of": "effort", "name": "easy", "above": 4}]}],
    },
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
    frame["weight"] = rng.lognormal(0, 0.6, count).round(4).astype(str)
    frame.loc[(frame["channel"] == "web") & (rng.random(count) < 0.05), "weight"] = ""
    frame["words"] = np.where(frame.index % 4 == 0, "The delivery was late and nobody answered", "")
    frame["nps"] = rng.choice([*range(11), 99, 12], count).astype(str)
    frame["csat"] = rng.choice(["1", "2", "3", "4", "5", ""], count)
    frame["effort"] = rng.choice(["1", "2", "3", "4", "5", "6", "7", "many"], count)
    return frame


def write(company: TestCompany, name: str, frame: pd.DataFrame) -> None:
    """Deliver responses as a file."""
    company.csv(f"data/responses_{name}.csv", ",".join(RESPONSE_COLUMNS))
    frame.to_csv(company.root / "data" / f"responses_{name}.csv", columns=RESPONSE_COLUMNS, index=False)


INVITED = "id,channel,sent,delivered,mail"


def invitation(number: int, to: int | None = None) -> str:
    """A row of the tool's log: to whom it went, in which of five months, and that every ninth did not arrive."""
    arrived = "2026-06-01" if number % 9 else ""
    return f"i{number},mail,2026-0{1 + number % 5}-03 20:00:00,{arrived},p{number if to is None else to}@x.io"


def first_delivery(company: TestCompany) -> pd.DataFrame:
    """300 responses and what else a company has."""
    frame = answers(1, 0, 300)
    frame.loc[120:125, "mail"] = ""
    write(company, "1", frame)
    company.csv(
        "data/invitations_1.csv",
        INVITED,
        *(invitation(n) for n in range(300) if n not in LATE),
        "i300,mail,2026-06-10 08:00:00,2026-06-10,p1@x.io",
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


def submitted_again(before: pd.DataFrame) -> pd.DataFrame:
    """Ten invitations answered again a day later, and forty answers without invitation sent again after 5 or 15 minutes."""
    invited, others = before.iloc[100:110].copy(), before.iloc[220:260].copy()
    for frame, delays in ((invited, [1440] * 10), (others, [5, 15] * 20)):
        moments = pd.to_datetime(frame["at"], errors="coerce") + pd.to_timedelta(delays, unit="min")
        frame["at"] = moments.dt.strftime("%Y-%m-%d %H:%M:%S").fillna("")
        frame["id"] = frame["id"] + "x"
        frame["nps"] = "7"
    # two links were passed on to somebody who says who he is; two people do not say it again
    invited.loc[invited.index[:2], "mail"] = "p5@x.io"
    invited.loc[invited.index[2:4], "mail"] = ""
    return pd.concat([invited, others])


def second_delivery(company: TestCompany, before: pd.DataFrame) -> pd.DataFrame:
    """Late answers and invitations; corrections of score, owner, date, recipient; a deletion; people who turn out to be one."""
    late, fixed = answers(2, 300, 80), before.iloc[:30].copy()
    fixed["changed"], fixed["nps"] = "2026-06-20", "10"
    fixed.loc[fixed.index[:10], "mail"] = "p1@x.io"
    fixed.loc[fixed.index[10:15], "mail"] = ""
    fixed.loc[fixed.index[15:20], "at"] = "2026-02-01 00:30:00"
    fixed.loc[fixed.index[20:22], "gone"] = "true"
    again = submitted_again(before)
    write(company, "2", pd.concat([late, fixed, again]))
    company.csv(
        "data/contacts_2.csv", "id,email,phone", "u90,p1@x.io,+84912340002", "u7,p70@x.io,+84912340007",
        "u91,p120@x.io,+84912349999", "u92,p121@x.io,+84912349999",
    )  # fmt: skip
    company.csv(
        "data/invitations_2.csv",
        INVITED,
        *(invitation(n) for n in LATE),
        invitation(REDIRECTED, REDIRECTED + 1),
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
    kept = pd.concat([before.iloc[30:], late, fixed[fixed["gone"] == ""], again])
    return kept.reset_index(drop=True)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The company after two loads, the second one built on top of the first; and the answers that hold."""
    folder = tmp_path_factory.mktemp("cx")
    marts = (f"+path:models/marts/{name}" for name in MARTS)
    own = ("path:company_models", "path:models/customer/consent", "t_quantiles", "+orders", *OWNED)
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


def owners(frame: pd.DataFrame) -> pd.Series:
    """Whose each response is: by its own address, else by its invitation, unless another one answered that; '' = nobody's."""
    number = frame["invitation"].str.slice(1)
    number = number.where(number != str(REDIRECTED), str(REDIRECTED + 1))
    invited = ("p" + number + "@x.io").where(number != "", "").replace(MERGED)
    own = frame["mail"].replace(MERGED)
    real = frame["test"] != "yes"
    passed_on = set(frame["invitation"][real & (own != "") & (own != invited)])
    is_named = real & (own == "") & ~frame["invitation"].isin(passed_on)
    return own.mask(is_named, invited)


def scored(frame: pd.DataFrame, question: str) -> pd.DataFrame:
    """Answers inside the scale that are no previews, with `score` turned so that more is better, and whose they are."""
    low, high = QUESTIONS[question]["scale"]
    scores = pd.to_numeric(frame[question], errors="coerce")
    found = frame[scores.between(low, high) & (frame["test"] != "yes")].copy()
    found["score"] = ORIENT.get(question, lambda values: values)(scores[found.index])
    found["moment"] = pd.to_datetime(found["at"], errors="coerce")
    found["day"] = (found["moment"] + timedelta(hours=7)).dt.normalize()
    found["customer"] = owners(frame)[found.index]
    found["person"] = found["customer"].where(found["customer"] != "", found["id"])
    return found


def usable(frame: pd.DataFrame, question: str) -> pd.DataFrame:
    """Those that count: the last one to an invitation, and of one person's within ten minutes the last."""
    found = scored(frame, question).sort_values(["moment", "id"], na_position="first")
    invited = found["invitation"] != ""
    repeated = found.duplicated(["customer", "invitation"], keep="last") & invited
    found = found.sort_values(["moment", "id"])
    following = found.groupby(["customer", "invitation"])["moment"].shift(-1) - found["moment"]
    soon = (following < timedelta(minutes=10)) & (found["customer"] != "")
    return found[~repeated.reindex(found.index) & ~soon]


def expected(
    frame: pd.DataFrame, question: str
) -> dict[tuple[str, str | None, str, str], tuple[oracle.Score, pd.DataFrame]]:
    """The oracle's figure and the answers of every cell of all, channel and language by every period."""
    out: dict[tuple[str, str | None, str, str], tuple[oracle.Score, pd.DataFrame]] = {}
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
                figure = MEASURES[question](cell["score"], list(cell["person"]))
                out[period, start or None, dimension, value] = figure, cell
    return out


@pytest.mark.filterwarnings("ignore:Degrees of freedom", "ignore:invalid value")
@pytest.mark.parametrize("question", list(QUESTIONS))
def test_every_cell_equals_the_oracle(built: Built, question: str) -> None:
    """Sample, counts, figure, interval and weighted figure of each period and cut, built in two steps."""
    company, frame = built
    found = company.rows(
        f"""select period, period_start::varchar, dimension, dimension_value,
            n, coalesce(promoters, satisfied), score, ci_low, ci_high, enough_n,
            weighted_score, weighted_ci_low, weighted_ci_high, effective_n
        from marts.cx_scores where question = '{question}' and dimension in ('all', 'channel', 'language')"""
    )
    wanted = expected(frame, question)

    assert {row[:4] for row in found} == set(wanted)
    assert len(found) > 100
    weighted = 0
    for row in found:
        one, cell = wanted[row[:4]]
        assert (row[4], row[5], row[9]) == (one.n, one.high, one.n >= 30)
        assert row[6] == pytest.approx(one.score, rel=1e-9, abs=1e-12)
        if np.isnan(one.ci_low):
            assert row[7:9] == (None, None)
        else:
            # an interval never leaves out its own figure
            bounds = (min(one.ci_low, one.score), max(one.ci_high, one.score))
            assert row[7:9] == pytest.approx(bounds, rel=1e-9, abs=1e-9)
        weighted += weighted_as_expected(question, cell, row[10:])
    assert weighted > 50


def weighted_as_expected(question: str, cell: pd.DataFrame, row: tuple[Any, ...]) -> bool:
    """Check the weighted figures of a cell; True where there is an interval to check."""
    weights = pd.to_numeric(cell["weight"], errors="coerce")
    if weights.isna().any():
        assert row == (None, None, None, None)
        return False
    people = list(cell["person"])
    measure = (QUESTIONS[question]["metric"], cell["score"], weights, LIMITS[question], people)
    score, low, high, effective = oracle.weighted(*measure)
    assert (row[0], row[3]) == pytest.approx((score, effective), rel=1e-6, abs=1e-6)
    if np.isnan(low):
        assert row[1:3] == (None, None)
        return False
    # relative weights have eight decimals
    assert row[1:3] == pytest.approx((low, high), rel=1e-5, abs=1e-4)
    return True


def test_a_declared_dimension_cuts_like_a_column(built: Built) -> None:
    """`tier` is the language under another name, by the attributes."""
    company, _ = built
    sql = """select question, period, period_start, dimension_value, n, score, ci_low, weighted_score
        from marts.cx_scores where dimension = '{}' order by all"""

    assert company.rows(sql.format("tier")) == company.rows(sql.format("language"))
    assert len(company.rows(sql.format("tier"))) > 50


def test_every_answer_is_counted_once(built: Built) -> None:
    """Delivered answers are missing, rejected, tests, earlier submissions or counted; the oracle finds as many of each."""
    company, frame = built
    given = frame[frame["nps"] != ""]
    inside = given["nps"].astype(int) <= 10
    tests = int((inside & (given["test"] == "yes")).sum())
    counted = len(usable(frame, "nps"))

    row = company.rows(
        """select delivered, missing, rejected, tests, duplicates, counted
        from marts.cx_answer_counts where question = 'nps'"""
    )[0]

    codes = int((given["nps"] == "99").sum()), int((given["nps"] == "12").sum())
    assert row == (len(given), *codes, tests, len(scored(frame, "nps")) - counted, counted)
    assert row[4] > 10


def test_changes_are_corrected_by_holm(built: Built) -> None:
    """Chances from the two intervals by scipy, corrected over all cuts of one question and period."""
    company, _ = built
    columns = ["question", "period", "start", "cut", "change", "p", "adjusted", "significant"]
    rows = company.rows(
        """select question, period, period_start, dimension || '/' || dimension_value, change_vs_previous,
            change_p_value, change_p_adjusted, change_significant from marts.cx_scores"""
    )
    frame = pd.DataFrame(rows, columns=pd.Index(columns))
    tested = frame[frame["p"].notna()]

    assert len(tested) > 20
    for _, family in tested.groupby(["question", "period", "start"]):
        ordered = family.sort_values(["p", "cut"])
        raised = ordered["p"].to_numpy() * np.arange(len(ordered), 0, -1)
        wanted = np.minimum(1, np.maximum.accumulate(raised))
        assert ordered["adjusted"].to_numpy() == pytest.approx(wanted, rel=1e-9)
        assert (ordered["significant"].astype(bool) == (wanted < 0.05)).all()
    assert (tested["adjusted"] > tested["p"]).any()


def test_drivers_equal_the_definition_over_all_orders(built: Built) -> None:
    """LMG of csat and easy on nps, from the raw answers; the figures stand inside their intervals."""
    company, frame = built
    both = [usable(frame, name).set_index("id")["score"] for name in ("nps", "csat", "effort")]
    y, csat, ease = pd.concat(both, axis=1, join="inner").to_numpy(dtype=float).T
    wanted = oracle.lmg(y, np.column_stack([csat, ease > 4]))

    rows = company.rows(
        """select driver, n, importance, importance_low, importance_high, r_squared, effect_low <= effect_high
        from marts.cx_drivers order by driver"""
    )

    assert [row[:2] for row in rows] == [("csat", len(y)), ("easy", len(y))]
    for row, one in zip(rows, wanted, strict=True):
        assert row[2] == pytest.approx(one, abs=1e-8)
        assert row[3] <= row[4]
        assert row[6]
    assert rows[0][5] == pytest.approx(wanted.sum(), abs=1e-8)


def test_respondents_are_people_where_they_are_known(built: Built) -> None:
    """Who answered twice is one respondent, and so are two addresses of one merged person."""
    company, frame = built
    found = usable(frame, "nps")
    names = found["person"]

    n, respondents = company.rows(
        """select n, respondents from marts.cx_scores
        where question = 'nps' and period = 'all' and dimension = 'all'"""
    )[0]

    assert (n, respondents) == (len(found), names.nunique())
    assert respondents < n


def test_a_nameless_answer_is_whose_its_invitation_was(built: Built) -> None:
    """Whose every answer is, and how that is known, by pandas: invitations come late, go to another, are passed on, merge."""
    company, frame = built
    wanted = usable(frame, "nps").set_index("id")
    rows = company.rows(
        """select replace(record_id, 'survey.responses:', ''), coalesce(email, ''), matched_by
        from marts.feedback left join customer.golden_records using (customer_id) where question = 'nps'"""
    )

    how = {
        one: ("identifier" if row["mail"] else "invitation" if row["customer"] else None)
        for one, row in wanted.iterrows()
    }
    assert {name: (MERGED.get(email, email), by) for name, email, by in rows} == {
        # an address that bounced for good is nobody's to show
        name: (wanted["customer"].replace("p6@x.io", "")[name], how[name])
        for name in wanted.index
    }
    assert list(how.values()).count("invitation") > 50
    late = set(wanted["invitation"][[name for name, by in how.items() if by == "invitation"]])
    assert late & {f"i{n}" for n in LATE}
    assert {"i120", "i121"} & late
    touches = "select count(*) from marts.customer_timeline where kind = 'answer'"
    dated = "select count(*) from marts.feedback where customer_id is not null and responded_at is not null"
    assert company.rows(touches) == company.rows(dated)


def test_the_latest_ease_of_a_customer_is_turned_round(built: Built) -> None:
    """Effort is asked for, 7 is a nuisance: in `latest_ces`, as in every score, more is easier."""
    company, frame = built
    found = usable(frame, "effort")
    found = found[(found["customer"] != "") & found["moment"].notna()].sort_values(["moment", "id"])
    rows = company.rows(
        """select email, latest_ces from customer.customer_activity inner join customer.golden_records using (customer_id)
        where latest_ces is not null and email is not null"""
    )

    wanted = found.groupby("customer")["score"].last().drop("p6@x.io", errors="ignore")
    assert {MERGED.get(email, email): score for email, score in rows} == wanted.to_dict()
    assert len(rows) > 20


def test_response_rate_is_of_closed_delivered_invitations(built: Built) -> None:
    """Every ninth bounced; a month's rate is of what was sent in it, answered within 45 days; June is still open."""
    company, frame = built
    delivered = {f"i{n}": 1 + n % 5 for n in range(300) if n % 9}
    found = usable(frame, "csat").set_index("invitation")["moment"]
    sent = {name: pd.Timestamp(f"2026-0{month}-03 20:00:00") for name, month in delivered.items()}
    in_time = {
        name
        for name, moment in found.items()
        if name in sent and (pd.isna(moment) or moment <= sent[str(name)] + timedelta(days=45))
    }

    rows = company.rows(
        """select month(period_start), invited, open_invitations, response_rate from marts.cx_scores
        where question = 'csat' and period = 'month' and dimension = 'all'"""
    )
    overall = company.rows(
        """select invited, open_invitations, response_rate from marts.cx_scores
        where question = 'csat' and period = 'all' and dimension = 'all'"""
    )

    assert sorted(month for month, *_ in rows) == [1, 2, 3, 4, 5, 6]
    for month, invited, still_open, rate in rows:
        asked = {name for name, one in delivered.items() if one == month}
        assert (invited, still_open) == (len(asked), int(month == 6))
        assert rate == (pytest.approx(len(asked & in_time) / len(asked)) if asked else None)
    assert overall == [(len(delivered), 1, pytest.approx(len(in_time) / len(delivered)))]
    assert 0 < len(in_time) < len(set(delivered) & set(found.index))


def test_consents_hold_at_as_of(built: Built) -> None:
    """Unsubscribing and complaining withdraw and object, an older withdrawal changes nothing, a year ends, ties deny."""
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
        ("p8@x.io", "news", "withdrawn"),
        ("p8@x.io", "surveys", "objected"),
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

    # people are followed through merges: a place that was taken under an absorbed id is theirs
    inside = company.rows(
        """select distinct coalesce(new_customer_id, customer_id) from (
            select customer_id from marts.audience_history group by customer_id having max_by(event, history_seq) = 'entered'
        ) left join marts.customer_redirects on customer_id = old_customer_id order by 1"""
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
        aside = {"suppressions": [str(row) for row in stopped]}
        for name in ("customer_activity", "texts"):
            aside[name] = [str(row) for row in company.rows(f"select * from customer.{name} order by all")]
            assert aside[name]
        return company.marts() | aside

    before = snapshot()
    company.load_and_build()
    again = snapshot()
    company.build(full_refresh=True)
    full = snapshot()

    filled = {name for name, rows in before.items() if rows}
    assert filled >= {
        "feedback",
        "cx_scores",
        "cx_answer_counts",
        "cx_drivers",
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
