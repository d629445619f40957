"""The models against published figures, their textbook formulas, and simulated customers whose future is known."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from scipy.special import beta as beta_function
from scipy.special import gammaln, hyp2f1
from scipy.stats import lomax, pearsonr, spearmanr

from scoring.prediction import contract, orders, value
from scoring.prediction.histories import Floats, Histories, grouped
from tests import cdnow

PUBLISHED = {
    "bg_nbd": ((0.243, 4.414, 0.793, 2.426), -9582.4),
    "pareto_nbd": ((0.553, 10.578, 0.606, 11.669), -9595.0),
}
TRUTH = {"mbg_nbd": (0.8, 6.0, 0.9, 2.5), "bg_nbd": (0.8, 6.0, 0.9, 2.5), "pareto_nbd": (0.8, 6.0, 0.7, 12.0)}
PEOPLE, WEEKS, HORIZON = 60_000, 52.0, 13.0


@pytest.fixture(scope="module")
def calibration() -> Any:
    """CDNOW until the end of week 39."""
    return cdnow.rhythms(end=cdnow.CUTOFF)


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_cdnow_gives_the_published_parameters(calibration: Any, name: str) -> None:
    """Fader, Hardie and Lee (2005), within 1 %; the log-likelihood to its last published digit."""
    seen, _ = grouped(calibration["repeats"], calibration["last_days"], calibration["age_days"])
    found = orders.fit(orders.MODELS[name], seen)

    assert found is not None
    assert found.n == 2357
    assert found.theta == pytest.approx(PUBLISHED[name][0], rel=0.01)
    assert found.log_likelihood == pytest.approx(PUBLISHED[name][1], abs=0.06)


def test_mbg_nbd_on_cdnow_is_what_another_implementation_finds(calibration: Any) -> None:
    """`lifetimes` 0.11.3 (ModifiedBetaGeoFitter), run by hand on the same summary: no published table was at hand."""
    seen, _ = grouped(calibration["repeats"], calibration["last_days"], calibration["age_days"])
    found = orders.fit(orders.MODELS["mbg_nbd"], seen)

    assert found is not None
    assert found.theta == pytest.approx((0.52484, 6.18299, 0.89136, 1.61400), rel=1e-3)


def test_cdnow_gives_the_published_values_of_an_order(calibration: Any) -> None:
    """Gamma-Gamma on the 946 repeat buyers; scaling the money scales gamma only."""
    buyers = calibration[calibration["repeats"] > 0]
    x, z = buyers["valued_repeats"].to_numpy(), buyers["repeat_value"].to_numpy()
    found, scaled = value.fit(x, z), value.fit(x, z * 25_000)

    assert found is not None
    assert scaled is not None
    assert len(x) == 946
    assert found.theta == pytest.approx((6.25, 3.74, 15.45), rel=0.01)
    assert scaled.theta == pytest.approx(found.theta * [1, 1, 25_000], rel=1e-3)
    assert found.log_likelihood == pytest.approx(value.log_likelihood(found.theta, x, z), abs=1e-6)


def differences(log_likelihood: Any, theta: Floats) -> Floats:
    """Slopes by central differences."""
    steps = np.diag(theta * 1e-5)
    return np.array(
        [(log_likelihood(theta + one) - log_likelihood(theta - one)) / (2 * one.sum()) for one in steps]
    )


@pytest.mark.parametrize("name", ["bg_nbd", "mbg_nbd"])
def test_slopes_of_orders_are_those_of_the_likelihood(calibration: Any, name: str) -> None:
    """At two places, one far from the maximum."""
    model = orders.MODELS[name]
    seen, _ = grouped(calibration["repeats"], calibration["last_days"], calibration["age_days"])

    def log_likelihood(theta: Floats) -> float:
        each = model.constant(theta, seen.repeats) + model.tail(theta, seen)
        return float(seen.people @ each)

    for theta in (np.array(TRUTH[name]), np.array([0.2, 30.0, 0.05, 9.0])):
        sloped = model.with_slopes(seen)
        assert sloped is not None
        total, slopes = sloped(theta)

        assert total == pytest.approx(log_likelihood(theta), rel=1e-12)
        assert slopes == pytest.approx(differences(log_likelihood, theta), rel=1e-5, abs=1e-3)


def test_slopes_of_values_are_those_of_the_likelihood(calibration: Any) -> None:
    """At two places, one far from the maximum."""
    buyers = calibration[calibration["repeats"] > 0]
    x, z = buyers["valued_repeats"].to_numpy(), buyers["repeat_value"].to_numpy()
    for theta in (np.array([6.25, 3.74, 15.45]), np.array([0.7, 9.0, 200.0])):
        total, slopes = value.with_slopes(x, z)(theta)

        assert total == pytest.approx(value.log_likelihood(theta, x, z), rel=1e-12)
        assert slopes == pytest.approx(
            differences(lambda at: value.log_likelihood(at, x, z), theta), rel=1e-5, abs=1e-3
        )


def test_correlation_is_scipys() -> None:
    """Ties included: the ranks are those of scipy.stats."""
    generator = np.random.default_rng(3)
    x = generator.poisson(3, 500).astype(float)
    z = np.asarray(np.round(np.exp(x / 4 + generator.normal(size=500)), 1), dtype=float)

    assert value.correlation(x, z) == pytest.approx(
        max(pearsonr(x, z).statistic, spearmanr(x, z).statistic, key=abs), abs=1e-12
    )


def simulated(name: str) -> tuple[Histories, Floats]:
    """Customers of one model up to WEEKS, and how often each bought in the HORIZON after it; any age from 0 to WEEKS."""
    generator = np.random.default_rng(20261126)
    r, alpha, first, second = TRUTH[name]
    rate, age = generator.gamma(r, 1 / alpha, PEOPLE), generator.uniform(0, WEEKS, PEOPLE)
    stop, drop = np.full(PEOPLE, np.inf), np.zeros(PEOPLE)
    if name == "pareto_nbd":
        stop = generator.exponential(1 / generator.gamma(first, 1 / second, PEOPLE))
    else:
        drop = generator.beta(first, second, PEOPLE)
    alive = generator.random(PEOPLE) >= (drop if name == "mbg_nbd" else 0)
    now, last = np.zeros(PEOPLE), np.zeros(PEOPLE)
    repeats, future = np.zeros(PEOPLE), np.zeros(PEOPLE)
    while alive.any():
        now = now + generator.exponential(1 / rate)
        alive &= (now < age + HORIZON) & (now < stop)
        past = alive & (now <= age)
        repeats, last = repeats + past, np.where(past, now, last)
        future += alive & (now > age)
        alive &= generator.random(PEOPLE) >= drop
    return Histories(repeats, last, age, np.ones(PEOPLE)), future


@pytest.mark.parametrize("name", sorted(TRUTH))
def test_silence_and_orders_to_come_are_those_of_simulated_customers(name: str) -> None:
    """In each tenth by predicted silence, and by number of orders: shares and sums within four standard errors."""
    model, theta = orders.MODELS[name], np.array(TRUTH[name])
    seen, future = simulated(name)
    silent = orders.silent_probability(model, theta, seen, HORIZON)
    bought = orders.expected_orders(model, theta, seen, np.array([HORIZON]))[:, 0]
    tenths = np.argsort(np.argsort(silent, kind="stable")) * 10 // PEOPLE
    groups = [tenths == tenth for tenth in range(10)]
    groups += [seen.repeats == 0, (seen.repeats > 0) & (seen.repeats < 4), seen.repeats >= 4]

    for group in groups:
        n = group.sum()
        rate, error = silent[group].mean(), np.sqrt((silent * (1 - silent))[group].sum()) / n
        assert (future[group] == 0).mean() == pytest.approx(rate, abs=4 * error)
        assert future[group].mean() == pytest.approx(
            bought[group].mean(), abs=4 * future[group].std() / np.sqrt(n)
        )


def test_the_living_may_stay_away(calibration: Any) -> None:
    """P(no order) falls with the horizon, stays above P(stopped), and ends there."""
    seen, _ = grouped(calibration["repeats"], calibration["last_days"], calibration["age_days"])
    for name, model in orders.MODELS.items():
        theta = np.array(TRUTH[name])
        spans = [orders.silent_probability(model, theta, seen, weeks) for weeks in (1.0, 13.0, 52.0, 1e9)]
        stopped = 1 - orders.alive_probability(model, theta, seen)
        assert all((longer <= shorter).all() for shorter, longer in pairwise(spans))
        assert (spans[2] >= stopped - 1e-12).all()
        assert spans[0].mean() > spans[1].mean() > spans[2].mean() > stopped.mean() + 0.01
        # in Pareto/NBD one may also stop before the next order
        assert name == "pareto_nbd" or spans[3] == pytest.approx(stopped, abs=0.01)


def test_bg_nbd_calls_every_single_buyer_alive_and_mbg_nbd_does_not() -> None:
    """Why MBG/NBD is the default."""
    once = Histories(np.zeros(1), np.zeros(1), np.full(1, 52.0), np.ones(1))
    theta = np.array(TRUTH["bg_nbd"])

    assert orders.alive_probability(orders.MODELS["bg_nbd"], theta, once)[0] == 1
    assert orders.alive_probability(orders.MODELS["mbg_nbd"], theta, once)[0] < 0.6


def test_expected_orders_of_bg_nbd_are_the_paper_s_closed_form() -> None:
    """Equation 10 of Fader, Hardie and Lee (2005), as printed, where its hypergeometric function can be computed."""
    r, alpha, a, b = theta = np.array([0.243, 4.414, 0.793, 2.426])
    x, last, age = (
        np.array([0.0, 1, 2, 9, 30]),
        np.array([0.0, 5, 30.43, 20, 35]),
        np.array([38.86, 30, 38.86, 38, 36]),
    )
    t = 39.0
    power = hyp2f1(r + x, b + x, a + b + x - 1, t / (alpha + age + t))
    top = (a + b + x - 1) / (a - 1) * (1 - ((alpha + age) / (alpha + age + t)) ** (r + x) * power)
    below = 1 + (x > 0) * a / (b + np.maximum(x, 1) - 1) * ((alpha + age) / (alpha + last)) ** (r + x)
    seen = Histories(x, last, age, np.ones(5))

    found = orders.expected_orders(orders.MODELS["bg_nbd"], theta, seen, np.array([t]))[:, 0]
    assert found == pytest.approx(top / below, rel=1e-9)
    # their example: x 2, t_x 30.43, T 38.86 gives 1.226 in 39 weeks
    assert found[2] == pytest.approx(1.226, abs=5e-4)


def test_the_sum_has_no_hole_where_the_closed_form_has_one() -> None:
    """At a = 1 the closed form is 0 / 0; ours lies between its neighbours. Thousands of orders are no trouble either."""
    model, weeks = orders.MODELS["mbg_nbd"], np.array([52.0])
    x, age = np.array([0.0, 3, 40, 3000]), np.array([10.0, 100, 104, 500])
    low, at, high = (
        model.orders_if_alive(np.array([0.8, 6.0, a, 2.5]), x, age, weeks)[:, 0] for a in (0.999, 1.0, 1.001)
    )

    assert ((low > at) & (at > high)).all()
    assert at == pytest.approx((low + high) / 2, rel=1e-6)
    # 308 orders if nobody stopped; a stop at one in 3,300 orders takes a twentieth
    assert 0.94 * 308.3 < at[3] < 0.97 * 308.3


def test_pareto_likelihood_is_the_textbook_one() -> None:
    """Fader and Hardie's note with 2F1, on both sides of alpha = beta; and finite where that form cancels to nothing."""
    x, last, age = np.array([0.0, 1, 5, 12]), np.array([0.0, 4, 30, 20]), np.array([38.0, 30, 38, 25])
    seen, model = Histories(x, last, age, np.ones(4)), orders.MODELS["pareto_nbd"]
    for r, alpha, s, beta in ((0.553, 10.578, 0.606, 11.669), (0.8, 15.0, 0.7, 6.0)):
        big, gap = max(alpha, beta), abs(alpha - beta)
        order, second = r + s + x, (s + 1) if alpha >= beta else (r + x)
        parts = [
            hyp2f1(order, second, order + 1, gap / (big + when)) / (big + when) ** order
            for when in (last, age)
        ]
        inner = 1 / ((alpha + age) ** (r + x) * (beta + age) ** s) + s / order * (parts[0] - parts[1])
        wanted = gammaln(r + x) - gammaln(r) + r * np.log(alpha) + s * np.log(beta) + np.log(inner)
        theta = np.array([r, alpha, s, beta])
        assert model.constant(theta, x) + model.tail(theta, seen) == pytest.approx(wanted, abs=1e-7)
    many = Histories(np.array([2000.0]), np.array([100.0]), np.array([520.0]), np.ones(1))
    assert np.isfinite(model.tail(theta, many)).all()


def test_mbg_likelihood_is_the_integral_it_stands_for() -> None:
    """Both p and lambda integrated numerically: (1 - p)^(x + 1) lambda^x e^(-lambda T) + p (1 - p)^x
    lambda^x e^(-lambda t_x).
    """
    r, alpha, a, b = theta = np.array(TRUTH["mbg_nbd"])
    p = (np.arange(4000) + 0.5) / 4000
    rate = (np.arange(20000) + 0.5) / 20000 * 4
    prior_p = p ** (a - 1) * (1 - p) ** (b - 1)
    prior_p /= prior_p.sum()
    prior_rate = np.exp((r - 1) * np.log(rate) - alpha * rate)
    prior_rate /= prior_rate.sum()
    model = orders.MODELS["mbg_nbd"]
    for x, last, age in ((0, 0.0, 20.0), (1, 3.0, 20.0), (6, 18.0, 20.0)):
        alive = (prior_p @ (1 - p) ** (x + 1)) * (prior_rate @ (rate**x * np.exp(-rate * age)))
        gone = (prior_p @ (p * (1 - p) ** x)) * (prior_rate @ (rate**x * np.exp(-rate * last)))
        seen = Histories(np.array([float(x)]), np.array([last]), np.array([age]), np.ones(1))
        found = model.constant(theta, seen.repeats) + model.tail(theta, seen)
        assert np.exp(found[0]) == pytest.approx(alive + gone, rel=5e-3)


def test_a_value_to_come_lies_between_the_customer_s_and_everybody_s() -> None:
    """Gamma-Gamma by its integral over nu; without repeats the mean of all."""
    theta, everybody = np.array([6.25, 3.74, 15.45]), 6.25 * 15.45 / 2.74
    found = value.expected(theta, np.array([0.0, 1, 50]), np.array([np.nan, 100, 100]))
    nu = np.linspace(1e-4, 4, 400_000)
    weight = np.exp((6.25 + 3.74 - 1) * np.log(nu) - (15.45 + 100) * nu)

    assert found[0] == pytest.approx(everybody)
    assert found[1] == pytest.approx(float(weight @ (6.25 / nu) / weight.sum()), rel=1e-3)
    assert everybody < found[1] < found[2] < 100


def test_subscriptions_recover_their_law_and_end_as_simulated() -> None:
    """Censored by as_of; the density and survival are scipy's Lomax law."""
    generator, s, beta = np.random.default_rng(7), 1.4, 60.0
    length = generator.exponential(1 / generator.gamma(s, 1 / beta, 40_000))
    seen = generator.uniform(0, 150, 40_000)
    ended = (length <= seen).astype(float)
    tenure = np.minimum(length, seen)
    found = contract.fit(tenure, ended)
    law = lomax(s, scale=beta)

    assert found is not None
    assert found.theta == pytest.approx((s, beta), rel=0.12)
    assert contract.log_likelihood(np.array([s, beta]), tenure, ended) == pytest.approx(
        np.where(ended == 1, law.logpdf(tenure), law.logsf(tenure)).sum()
    )
    running = ended == 0
    predicted = contract.end_probability(np.array([s, beta]), tenure[running], 13.0)
    actual = length[running] <= seen[running] + 13
    assert actual.mean() == pytest.approx(predicted.mean(), abs=4 * np.sqrt(0.25 / running.sum()))


def test_grouping_counts_everybody_and_points_back() -> None:
    """Equal histories are one; whom it belongs to is not lost; a beta integral of 1 shows the nodes are a rule."""
    seen, place = grouped([1, 0, 1, 1], [7, 0, 7, 14], [70, 70, 70, 70])

    assert seen.total == 4
    assert sorted(seen.people) == [1, 1, 2]
    assert seen.last[place].tolist() == [1, 0, 1, 2]
    from scoring.prediction.quadrature import beta_nodes

    nodes, weights = beta_nodes(0.5, np.array([0.5, 3.0]))
    assert weights.sum(axis=1) == pytest.approx(1)
    moment = beta_function(3.5, 3.0) / beta_function(0.5, 3.0)
    assert float(weights[1] @ nodes[1] ** 3) == pytest.approx(moment)
