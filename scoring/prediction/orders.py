"""What the three models of orders share: fit, P(no order), P(alive), expected orders."""

from collections.abc import Sequence
from typing import ClassVar, Protocol

import numpy as np

from scoring.prediction.counts import BG_NBD, MBG_NBD
from scoring.prediction.histories import Floats, Histories
from scoring.prediction.optimise import Fit, Sloped, maximise
from scoring.prediction.pareto import PARETO_NBD


class OrderModel(Protocol):
    """A likelihood that is constant(x) * tail(x, t_x, T), and what the living buy."""

    @property
    def name(self) -> str:
        """As cdp.yml writes it."""

    parameters: ClassVar[tuple[str, ...]]

    def constant(self, theta: Floats, repeats: Floats) -> Floats:
        """Log of the factor of the likelihood that knows the number of repeats only."""

    def tail(self, theta: Floats, seen: Histories) -> Floats:
        """Log of the factor that knows the times."""

    def alive(self, theta: Floats, seen: Histories) -> Floats:
        """Log of the part of `tail` in which the customer lives at T."""

    def with_slopes(self, seen: Histories) -> Sloped | None:
        """The log-likelihood of these people with its slopes; None where only differences tell them."""

    def orders_if_alive(self, theta: Floats, repeats: Floats, age: Floats, weeks: Floats) -> Floats:
        """Expected orders in the next weeks[j] of who lives at age[i]."""


# histories enough to find a good start
ROUGH = 10_000
MODELS: dict[str, OrderModel] = {one.name: one for one in (MBG_NBD, BG_NBD, PARETO_NBD)}


def fit(model: OrderModel, seen: Histories) -> Fit | None:
    """Maximum likelihood over grouped histories; None where there is no maximum to be found.

    Where they are many, every k-th history leads from the rough starts to a good one, and all of them from there.
    """
    rate = float(np.dot(seen.people, seen.repeats) / max(np.dot(seen.people, seen.age), 1e-9))
    weeks = 1.0 / max(rate, 1e-6)
    second = (float(np.average(seen.age, weights=seen.people)) or 1.0) if model is PARETO_NBD else 2.0
    starts: list[Sequence[float]] = [(0.5, 0.5 * weeks, 0.7, second), (1.5, 1.5 * weeks, 1.5, 2 * second)]
    every = len(seen.age) // ROUGH
    if every > 1:
        rough = _fit(model, seen.thinned(every), starts)
        starts = [rough.theta.tolist()] if rough else starts
    return _fit(model, seen, starts)


def _fit(model: OrderModel, seen: Histories, starts: Sequence[Sequence[float]]) -> Fit | None:
    sloped = model.with_slopes(seen)
    if sloped is not None:
        return maximise(sloped, starts, seen.total, has_slopes=True)
    levels, level = np.unique(seen.repeats, return_inverse=True)

    def log_likelihood(theta: Floats) -> float:
        each = model.constant(theta, levels)[level] + model.tail(theta, seen)
        return float(np.dot(seen.people, each))

    return maximise(log_likelihood, starts, seen.total)


def silent_probability(model: OrderModel, theta: Floats, seen: Histories, weeks: float) -> Floats:
    """P(no order in the next `weeks` | history) = L(x, t_x, T + weeks) / L(x, t_x, T), by the definition of both."""
    return np.exp(model.tail(theta, seen.later(weeks)) - model.tail(theta, seen))


def alive_probability(model: OrderModel, theta: Floats, seen: Histories) -> Floats:
    """P(has not stopped | history); shown beside churn, never instead of it."""
    return np.exp(model.alive(theta, seen) - model.tail(theta, seen))


def expected_orders(model: OrderModel, theta: Floats, seen: Histories, weeks: Floats) -> Floats:
    """Expected orders in the next weeks[j]: shape (histories, len(weeks)). What the living buy knows x and T only."""
    pairs, pair = np.unique(np.stack([seen.repeats, seen.age]), axis=1, return_inverse=True)
    bought = model.orders_if_alive(theta, pairs[0], pairs[1], np.asarray(weeks, dtype=float))
    return np.asarray(alive_probability(model, theta, seen)[:, None] * bought[pair.ravel()])
