"""BG/NBD and MBG/NBD: how often people buy, and after which purchase they stop.

Sources. BG/NBD: Fader, Hardie and Lee, "Counting your customers the easy way", Marketing Science 24 (2005). MBG/NBD:
Batislam, Denizel and Filiztekin, International Journal of Research in Marketing 24 (2007); also Hoppe and Wagner,
Marketing ZFP 29 (2007). Purchases of a living customer are Poisson with rate lambda ~ Gamma(r, alpha); after a purchase
one stops with probability p ~ Beta(a, b). In BG/NBD that begins with the first repeat, so a single buyer is alive for
ever; in MBG/NBD with the first purchase.

Both likelihoods are constant(x) * {(alpha + T)^-(r + x) + k(x) (alpha + t_x)^-(r + x)}: alive at T, or stopped at t_x.
The rest here follows from it:
* no order in the next h weeks is the history (x, t_x, T + h), so P = L(x, t_x, T + h) / L(x, t_x, T): one minus "alive"
  is something else, as the living may stay away for h weeks too;
* who lives at T has lambda ~ Gamma(r + x, alpha + T), p ~ Beta(a, b'), independent; within t weeks they buy (1 -
  exp(-lambda p t)) / p times on average; over lambda that is (1 - (1 + p t / (alpha + T))^-(r + x)) / p, over p a
  Gauss-Jacobi sum. The closed form (a + b' - 1) / (a - 1) (1 - 2F1(r + x, a - 1; a + b' - 1; -t / (alpha + T))) has a
  hole at a = 1 and is a test's oracle.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from scoring.prediction.histories import Floats, Histories
from scoring.prediction.optimise import Sloped
from scoring.prediction.quadrature import beta_nodes

CHUNK = 20_000


@dataclass(frozen=True)
class BetaGeometric:
    """The two models of the family; `stops_at_once`: the first purchase may be the last (MBG/NBD)."""

    name: str
    stops_at_once: bool
    parameters: ClassVar[tuple[str, ...]] = ("r", "alpha", "a", "b")

    def constant(self, theta: Floats, repeats: Floats) -> Floats:
        """Log of the factor of the likelihood that knows the number of repeats only."""
        from scipy.special import gammaln

        r, alpha, a, b = theta
        beta = b + repeats + self.stops_at_once
        return np.asarray(
            gammaln(r + repeats) - gammaln(r) + r * np.log(alpha)
            + gammaln(a + b) - gammaln(b) + gammaln(beta) - gammaln(a + beta)
        )  # fmt: skip

    def tail(self, theta: Floats, seen: Histories) -> Floats:
        """Log of the factor that knows the times: alive at T, or stopped at t_x."""
        r, alpha, a, b = theta
        order = r + seen.repeats
        alive = self.alive(theta, seen)
        may_stop = seen.repeats + self.stops_at_once > 0
        after = np.where(may_stop, b + seen.repeats + self.stops_at_once - 1, 1.0)
        stopped = np.where(may_stop, np.log(a / after) - order * np.log(alpha + seen.last), -np.inf)
        return np.logaddexp(alive, stopped)

    def alive(self, theta: Floats, seen: Histories) -> Floats:
        """Log of the part of `tail` in which the customer lives at T."""
        return np.asarray(-(theta[0] + seen.repeats) * np.log(theta[1] + seen.age))

    def with_slopes(self, seen: Histories) -> Sloped:
        """Sum of `constant` and `tail` over people, and its slopes. Numbers of orders, and times in whole days, are few: what
        depends on one of them alone is worked out once for each.
        """
        from scipy.special import gammaln, psi

        levels, level = np.unique(seen.repeats, return_inverse=True)
        lasts, last = np.unique(seen.last, return_inverse=True)
        ages, age = np.unique(seen.age, return_inverse=True)
        people = np.bincount(level, weights=seen.people)
        may_stop = levels + self.stops_at_once > 0

        def told(theta: Floats) -> tuple[float, Floats]:
            r, alpha, a, b = theta
            beta, order = b + levels + self.stops_at_once, r + seen.repeats
            after = np.where(may_stop, beta - 1, 1.0)
            log_last, log_age = np.log(alpha + lasts)[last], np.log(alpha + ages)[age]
            # how much likelier it is that they stopped after the last purchase than that they live
            odds = np.where(may_stop, np.log(a / after), -np.inf)[level] + order * (log_age - log_last)
            either = np.logaddexp(0.0, odds)
            stopped = seen.people * np.exp(odds - either)
            alive = seen.people - stopped
            stops = np.bincount(level, weights=stopped)
            each = gammaln(r + levels) - gammaln(r) + r * np.log(alpha)
            each = each + gammaln(a + b) - gammaln(b) + gammaln(beta) - gammaln(a + beta)
            total = people @ each + seen.people @ (either - order * log_age)
            by_r = people @ (psi(r + levels) - psi(r) + np.log(alpha)) - alive @ log_age - stopped @ log_last
            by_alpha = people.sum() * r / alpha - (alive * order) @ (1 / (alpha + ages))[age]
            by_alpha -= (stopped * order) @ (1 / (alpha + lasts))[last]
            by_a = people @ (psi(a + b) - psi(a + beta)) + stops.sum() / a
            by_b = people @ (psi(a + b) - psi(b) + psi(beta) - psi(a + beta)) - stops @ (may_stop / after)
            return float(total), np.array([by_r, by_alpha, by_a, by_b])

        return told

    def orders_if_alive(self, theta: Floats, repeats: Floats, age: Floats, weeks: Floats) -> Floats:
        """Expected orders in the next weeks[j] of who lives at age[i]: shape (len(age), len(weeks))."""
        r, alpha, a, b = theta
        levels, level = np.unique(repeats, return_inverse=True)
        nodes, weights = beta_nodes(a, b + levels + self.stops_at_once)
        out = np.empty((len(age), len(weeks)))
        for start in range(0, len(age), CHUNK):
            part = slice(start, start + CHUNK)
            p, weight = nodes[level[part]], weights[level[part]]
            order = (r + repeats[part])[:, None]
            for column, span in enumerate(weeks):
                grown = np.log1p(p * (span / (alpha + age[part]))[:, None])
                out[part, column] = np.sum(weight * -np.expm1(-order * grown) / p, axis=1)
        return out


MBG_NBD = BetaGeometric("mbg_nbd", stops_at_once=True)
BG_NBD = BetaGeometric("bg_nbd", stops_at_once=False)
