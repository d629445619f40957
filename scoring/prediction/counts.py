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
