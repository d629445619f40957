"""The oracle itself against published figures (Tax et al. 2017; the publishers) and textbook cases."""

import pandas as pd
import pytest

from tests import oracle


@pytest.fixture(scope="module")
def answers() -> pd.DataFrame:
    """The airport survey as delivered."""
    return oracle.survey()


@pytest.fixture(scope="module")
def grocery() -> oracle.Grocery:
    """The loyalty scheme's totals."""
    return oracle.grocery()


def test_nps_of_the_airport_is_the_published_one(answers: pd.DataFrame) -> None:
    """11 and an empty cell are no answers: 2,746 of 2,831 remain."""
    score = oracle.survey_score(answers, "nps_overall")

    assert (len(answers), score.n, score.high, score.low) == (2831, 2746, 1436, 342)
    assert round(score.score, 2) == 39.84
    assert score.ci_low < score.score < score.ci_high


def test_weighted_nps_of_the_airport_is_the_published_one(answers: pd.DataFrame) -> None:
    """Weights change the figure and shrink the effective sample."""
    scores = oracle.survey_scores(answers, "nps_overall")
    weights = answers.loc[scores.index, "WEIGHT"].astype(float)

    score, half, effective_n = oracle.weighted_nps(scores, weights)

    assert (round(score, 2), round(half, 2), round(effective_n)) == (40.40, 2.83, 2267)


@pytest.mark.parametrize(("code", "published"), [("1", 18.8), ("2", 43.7)])
def test_nps_where_a_problem_was_met(answers: pd.DataFrame, code: str, published: float) -> None:
    """18.8 where a problem was met, 43.7 where not."""
    score = oracle.survey_score(answers[answers["Q15PROBLEM"] == code], "nps_overall")

    # published with one decimal, 43.648 as 43.7
    assert score.score == pytest.approx(published, abs=0.06)


@pytest.mark.parametrize(
    ("question", "n", "mean", "share"),
    [("csat_overall", 2688, 4.064, 0.821), ("ease_find_way", 2683, 4.413, 0.854)],
)
def test_item_figures_are_the_published_ones(
    answers: pd.DataFrame, question: str, n: int, mean: float, share: float
) -> None:
    """0, 6 and `Blank` are no answers."""
    score = oracle.survey_score(answers, question)

    assert (score.n, round(score.mean, 3), round(score.high / score.n, 3)) == (n, mean, share)


def test_nps_counts_eleven_as_a_score_only_if_told_so(answers: pd.DataFrame) -> None:
    """Reading the blank code as a 10 or more would give another NPS: the trap is real."""
    wrong = pd.to_numeric(answers["NETPRO"], errors="coerce").dropna()

    assert round(oracle.nps(wrong).score, 2) != 39.84


def test_nps_interval_by_hand() -> None:
    """Five promoters, three passives, two detractors: 5.75, 4.5 and 2.75 of 13."""
    score = oracle.nps([10] * 5 + [8] * 3 + [0] * 2)

    centre = 3 / 13
    half = 1.959963984540054 * ((8.5 / 13 - centre**2) / 13) ** 0.5
    assert score.score == pytest.approx(30)
    assert score.ci_low == pytest.approx(100 * (centre - half))
    assert score.ci_high == pytest.approx(100 * (centre + half))


def test_wilson_interval_against_the_textbook() -> None:
    """81 of 263 (Newcombe 1998): 0.2553 to 0.3662."""
    score = oracle.csat([5] * 81 + [1] * 182)

    assert (round(score.ci_low, 4), round(score.ci_high, 4)) == (0.2553, 0.3662)


def test_t_interval_against_the_table() -> None:
    """Scores 1 to 5: mean 3, standard error 0.7071, t with 4 degrees of freedom 2.776."""
    score = oracle.ces([1, 2, 3, 4, 5])

    assert score.score == 3
    assert (score.ci_high - score.ci_low) / 2 == pytest.approx(2.7764 * 0.70711, abs=1e-3)


def test_grocery_totals_are_the_published_ones(grocery: oracle.Grocery) -> None:
    """Sales to the cent."""
    assert (grocery.households, grocery.lines, grocery.baskets) == (2469, 1_469_307, 155_848)
    assert grocery.sales_cents == 459_603_958
    assert grocery.baskets_not_positive == 478


def test_grocery_households_sum_to_the_whole(grocery: oracle.Grocery) -> None:
    """The published count of 11,226 lines at or below zero leaves out 20 that are float dust (8.9e-16)."""
    people = grocery.per_household

    assert int(people["cents"].sum()) == grocery.sales_cents
    assert int(people["baskets"].sum()) == grocery.baskets
    assert int((people["baskets"] > 50).sum()) == 1079
    assert grocery.lines_not_positive == 11_226 + 20


def test_helpdesk_figures_are_the_published_ones() -> None:
    """3,804 cases, 13,710 events, mean 8.80 and median 3.93 days."""
    cases = oracle.helpdesk()

    assert (len(cases), int(cases["events"].sum())) == (3804, 13_710)
    assert round(cases["hours"].mean() / 24, 2) == 8.80
    assert round(cases["hours"].median() / 24, 2) == 3.93


def test_web_shop_figures_are_the_published_ones() -> None:
    """Thirty idle minutes cut exactly the publisher's 3,605 sessions; repeats are kept."""
    events = oracle.clickstream()
    purchases = events[events["event"] == "purchase"]

    assert (len(events), events["user_id"].nunique()) == (31_106, 600)
    assert int(events["new_session"].sum()) == events["session_id"].nunique() == 3605
    assert (len(purchases), purchases["user_id"].nunique()) == (470, 328)
    assert set(events.loc[events["event"] == "checkout_bug", "platform"]) == {"mobile"}
    assert int((events["event"] == "checkout_bug").sum()) == 44
