"""What people say: texts of every kind of a small company, learnt from in its second delivery, against plain computations.

The answers are Portuguese with two words of a slang that nothing shipped knows: what is told of them is learnt.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from tests import laws, oracle
from tests.companies import BELOW_MARTS, TestCompany

SELECT = (
    *BELOW_MARTS, "path:models/customer/text", "path:models/marts/text", "+feedback", "t_quantiles", "text_topics",
)  # fmt: skip
SETTINGS: dict[str, Any] = {
    "cx": {"questions": {"nps": {"metric": "nps", "scale": [0, 10]}}},
    "text": {"topics": {"gift wrap": ["embrulho"]}},
}
ANSWERS: dict[str, Any] = {
    "name": "answers", "entity": "response", "path": "data/answers_*.csv", "key": ["id"], "updated_at": "changed",
    "deleted_at": "gone", "questions": {"nps": "nps"},
    "columns": {"response_id": "id", "email": "mail", "responded_at": "at", "is_test": "test", "text": "words",
                "touchpoint": "at_what"},
}  # fmt: skip
TICKETS: dict[str, Any] = {
    "name": "tickets", "entity": "ticket", "path": "data/tickets_*.csv", "key": ["id"],
    "columns": {"ticket_id": "id", "opened_at": "at", "email": "mail", "subject": "title", "body": "words"},
}  # fmt: skip
MAILS: dict[str, Any] = {
    "name": "mails", "entity": "interaction", "path": "data/mails_*.csv", "key": ["id"],
    "columns": {"interaction_id": "id", "kind": "kind", "direction": "direction", "occurred_at": "at", "ticket_id": "ticket",
                "email": "mail", "body": "words"},
}  # fmt: skip
POSTS: dict[str, Any] = {
    "name": "posts", "entity": "post", "path": "data/posts_*.csv", "key": ["id"],
    "columns": {"post_id": "id", "network": "network", "posted_at": "at", "body": "words", "rating": "stars", "user_id": "who"},
}  # fmt: skip
SOURCES = [{"name": "desk", "connector": "files", "tables": [ANSWERS, TICKETS, MAILS, POSTS]}]
HEAD = "id,changed,gone,mail,at,test,at_what,nps,words"
PLAIN = [
    "o pedido",
    "a compra",
    "o embrulho",
    "a loja",
    "um produto",
    "a entrega",
    "o preço",
    "o site",
    "a caixa",
    "meu irmão",
]


def answers(first: int, last: int) -> pd.DataFrame:
    """Answers by number: a mood, a score and words that tell it; a third of them about the price, and worse for it."""
    rows = []
    for number in range(first, last):
        rng = np.random.default_rng(number)
        good = bool(rng.integers(0, 2))
        words = [str(word) for word in rng.choice(PLAIN, 3, replace=False)]
        told = "bacanudo" if good else "zoadaço"
        score = int(rng.integers(9, 11) if good else rng.integers(0, 6))
        score -= int("o preço" in words and not good and score > 2)
        rows.append(
            {
                "id": f"r{number}", "changed": "2026-01-01", "gone": "", "mail": f"m{number % 40}@x.io",
                "at": f"2026-{1 + number % 6:02d}-{1 + number % 28:02d}T10:00:00Z", "test": "",
                "at_what": "delivery", "nps": score, "words": f"{words[0]} com {words[1]} foi {told} para {words[2]} n{number}",
            }
        )  # fmt: skip
    return pd.DataFrame(rows)


def deliver(company: TestCompany, name: str, frame: pd.DataFrame) -> None:
    """Write a delivery."""
    path = company.root / "data" / f"{name}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    frame.to_csv(path, index=False)


Built = tuple[TestCompany, pd.DataFrame, list[tuple[Any, ...]]]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The company after two loads; its answers as they hold; what was fitted at the first."""
    company = TestCompany(tmp_path_factory.mktemp("text"), SOURCES, SETTINGS, select=SELECT)
    first = answers(0, 90)
    first.loc[80, "test"] = "true"
    first.loc[81, "words"] = ""
    deliver(company, "answers_1", first)
    company.csv(
        "data/tickets_1.csv", "id,at,mail,title,words",
        "t1,2026-02-01T08:00:00Z,m1@x.io,Problem,The delivery was terrible and I want to cancel my order",
        "t2,2026-02-02T08:00:00Z,new@x.io,,บริการแย่มาก",
    )  # fmt: skip
    company.csv(
        "data/mails_1.csv", "id,kind,direction,at,ticket,mail,words",
        "i1,mail,inbound,2026-02-03T08:00:00Z,t1,m1@x.io,Thank you that was excellent and very kind",
        "i2,mail,outbound,2026-02-04T08:00:00Z,t1,m1@x.io,We are sorry for the terrible and awful delay",
        "i3,call,inbound,2026-02-05T08:00:00Z,,m1@x.io,",
    )  # fmt: skip
    company.csv(
        "data/posts_1.csv", "id,network,at,words,stars,who",
        "p1,forum,2026-02-06T08:00:00Z,ارسال خیلی دیر بود و هیچ‌کس خبر نداد,,",
        "p2,maps,2026-02-06T08:00:00Z,Great place and friendly staff,5,",
    )  # fmt: skip
    company.load_and_build()
    before = company.rows("select language, chosen, refused_because from marts.text_models order by language")
    changed = first.iloc[[3]].assign(
        changed="2026-02-02", words="a entrega foi zoadaço de novo para mim", nps=1
    )
    gone = first.iloc[[5]].assign(changed="2026-02-02", gone="2026-02-02")
    second = pd.concat([changed, gone, answers(90, 320)])
    deliver(company, "answers_2", second)
    assert not company.load_and_build().full
    held = pd.concat([first.drop([3, 5, 80]), changed, answers(90, 320)])
    return company, held, before


def test_nothing_is_learnt_from_few_and_the_second_delivery_is_enough(built: Built) -> None:
    """The floors refuse with a number; twice the texts are a reason to fit again in the same week."""
    company, _, before = built
    now = dict(company.rows("select language, chosen from marts.text_models where is_current"))

    assert ("pt", "lexicon", "88 different texts with a score, fewer than 200") in before
    assert now["pt"] == "learnt"
    assert now["fa"] == "none"


def test_answers_are_read_by_what_was_learnt_from_them(built: Built) -> None:
    """Texts of the first delivery too: what a language's fit changes is read again."""
    company, held, _ = built
    found = dict(
        company.rows(
            "select text_id, sentiment_label from marts.text_signals where sentiment_by = 'learnt' and kind = 'answer'"
        )
    )
    wanted = {
        f"desk.answers:{row.id}": "positive" if row.nps > 8 else "negative"
        for row in held.itertuples()
        if row.words
    }
    right = [found.get(key) == label for key, label in wanted.items()]

    assert set(found) == set(wanted)
    assert np.mean(right) > 0.97


def test_every_kind_of_text_is_there_and_silence_is_null(built: Built) -> None:
    """Title and message of a ticket, inbound and outbound mail, post and review; no text no row; Persian has no layer."""
    company, _, _ = built
    found = company.rows(
        "select text_id, kind, is_by_customer, language, sentiment_label, intent, coverage from marts.text_signals"
        " where kind <> 'answer' order by text_id"
    )

    assert found == [
        ("desk.mails:i1", "interaction", True, "en", "positive", "praise", "language, sentiment, emotion, intent"),
        ("desk.mails:i2", "interaction", False, "en", "negative", "complain", "language, sentiment, intent"),
        ("desk.posts:p1", "post", True, "fa", None, None, "language"),
        ("desk.posts:p2", "review", True, "en", "positive", "praise", "language, sentiment, intent, topics"),
        ("desk.tickets:t1", "ticket", True, "en", "negative", "cancel", "language, sentiment, intent, topics"),
        ("desk.tickets:t2", "ticket", True, "th", "negative", "complain", "language, sentiment, emotion, intent"),
    ]  # fmt: skip


def test_topic_impact_is_a_clustered_difference_corrected_for_all_topics(built: Built) -> None:
    """Means and interval of each topic from the raw answers, people as clusters; a rule of the company's own among them; Holm."""
    company, held, _ = built
    spoken = held[held["words"] != ""].reset_index(drop=True)
    rows = {
        row[0]: row[1:]
        for row in company.rows(
            """select topic, n_with, n_without, respondents_with, impact, ci_low, ci_high, p_value, enough_n
            from marts.topic_impact where origin = 'rule'"""
        )
    }
    assert {"gift wrap", "price"} <= set(rows)
    for topic, word in (("gift wrap", "embrulho"), ("price", "preço")):
        about = spoken["words"].str.contains(word)
        one, other = spoken["nps"][about].astype(float), spoken["nps"][~about].astype(float)
        impact, half, chance = oracle.difference(one, other, spoken["mail"])
        people = spoken["mail"][about].nunique()

        assert rows[topic][:3] == (len(one), len(other), people)
        assert people < len(one)
        assert rows[topic][3:6] == pytest.approx((impact, impact - half, impact + half), rel=1e-9)
        # by an approximation that is good to a thousandth
        assert rows[topic][6] == pytest.approx(chance, rel=5e-3)
        assert rows[topic][7]
        plain = stats.ttest_ind(one, other, equal_var=False).confidence_interval()
        assert rows[topic][4] <= plain.low + 1e-9
        assert plain.high - 1e-9 <= rows[topic][5]

    tested = company.rows("select p_value, p_adjusted, is_significant from marts.topic_impact where enough_n")
    wanted = oracle.holm([row[0] for row in tested])
    assert [row[1] for row in tested] == pytest.approx(wanted, rel=1e-9)
    assert [row[2] for row in tested] == [one < 0.05 for one in wanted]
    assert len(tested) > 3


def test_sentiment_per_customer_is_over_their_own_words(built: Built) -> None:
    """Mean, last ten and latest by pandas; our mail to the customer does not count."""
    company, _, _ = built
    columns = ["customer_id", "text_id", "at", "sentiment", "label", "own"]
    frame = pd.DataFrame(
        company.rows(
            "select customer_id, text_id, occurred_at, sentiment, sentiment_label, is_by_customer from marts.text_signals"
        ),
        columns=columns,
    )
    frame = frame[frame["own"] & frame["customer_id"].notna() & frame["sentiment"].notna()]
    frame = frame.sort_values(["at", "text_id"], ascending=False)
    found = company.rows(
        "select customer_id, texts, mean_sentiment, recent_sentiment, latest_label from customer.customer_sentiment"
    )

    assert len(found) == frame["customer_id"].nunique() > 40
    for customer, texts, mean, recent, latest in found:
        mine = frame[frame["customer_id"] == customer]
        assert texts == len(mine)
        assert mean == pytest.approx(mine["sentiment"].astype(float).mean(), abs=1e-6)
        assert recent == pytest.approx(mine["sentiment"].astype(float).head(10).mean(), abs=1e-6)
        assert latest == mine["label"].iloc[0]


def test_what_was_deleted_or_rewritten_is_read_no_more(built: Built) -> None:
    """Erasure rests on it: the store of readings holds no text that nobody says."""
    company, _, _ = built

    assert company.rows(
        "select count(*) from customer.text_scores where text_key not in (select text_key from customer.texts)"
    ) == [(0,)]
    assert company.rows(
        "select count(*) from marts.text_signals where text_id in ('desk.answers:r5', 'desk.answers:r80')"
    ) == [(0,)]


def test_incremental_equals_full_and_the_fits_stay(built: Built, tmp_path: Path) -> None:
    """Law 2, with memory: the same models read the same texts; a later day of the week learns nothing anew."""
    company, _, _ = built
    before, scores = company.marts(), company.rows("select * from customer.text_scores order by text_key")
    copy = TestCompany(
        laws.copy_company(company.root, tmp_path / "full"), SOURCES, SETTINGS, select=SELECT, runs=2
    )
    copy.load_and_build(full_refresh=True)

    assert laws.differences(before, copy.marts()) == []
    assert copy.rows("select * from customer.text_scores order by text_key") == scores
