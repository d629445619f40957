"""Pareto/NBD: people buy at random and stop at a moment nobody sees.

Sources. Schmittlein, Morrison and Colombo, "Counting your customers", Management Science 33 (1987); Fader and Hardie, "A
note on deriving the Pareto/NBD model" (2005). Rate lambda ~ Gamma(r, alpha), death rate mu ~ Gamma(s, beta), independent:
L = Gamma(r + x) alpha^r beta^s / Gamma(r) {(alpha + T)^-(r + x) (beta + T)^-s + s I}, I = the integral over y from t_x to
T of (alpha + y)^-(r + x) (beta + y)^-(s + 1). The note writes I as a difference of two hypergeometric functions, which
cancels to nothing where x is large; here it is a Gauss-Legendre sum in log((alpha + y) / (alpha + t_x)), in log space.
Who lives at T: lambda ~ Gamma(r + x, alpha + T), mu ~ Gamma(s, beta + T), so t weeks bring (r + x) / (alpha + T) times
the mean of (1 - exp(-mu t)) / mu, which is (beta + T) / (s - 1) (1 - ((beta + T) / (beta + T + t))^(s - 1)), a logarithm
at s = 1.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from scoring.prediction.histories import Floats, Histories
from scoring.prediction.quadrature import unit_nodes

NODES = 20
CHUNK = 50_000
# beyond e^-30 of its height the integrand adds nothing that a double would show
REACH = 30.0


@dataclass(frozen=True)
class ParetoNbd:
    """The model; same methods as counts.BetaGeometric."""

    name: str = "pareto_nbd"
    parameters: ClassVar[tuple[str, ...]] = ("r", "alpha", "s", "beta")

    def constant(self, theta: Floats, repeats: Floats) -> Floats:
        """Log of the factor of the likelihood that knows the number of repeats only."""
        from scipy.special import gammaln

        r, alpha, s, beta = theta
        return np.asarray(gammaln(r + repeats) - gammaln(r) + r * np.log(alpha) + s * np.log(beta))

    def tail(self, theta: Floats, seen: Histories) -> Floats:
        """Log of the factor that knows the times: alive at T, or stopped between t_x and T."""
        stopped = np.empty(len(seen.age))
        for start in range(0, len(seen.age), CHUNK):
            part = slice(start, start + CHUNK)
            stopped[part] = self._stopped(theta, seen.repeats[part], seen.last[part], seen.age[part])
        return np.logaddexp(self.alive(theta, seen), stopped)

    def alive(self, theta: Floats, seen: Histories) -> Floats:
        """Log of the part of `tail` in which the customer lives at T."""
        r, alpha, s, beta = theta
        return np.asarray(-(r + seen.repeats) * np.log(alpha + seen.age) - s * np.log(beta + seen.age))

    def with_slopes(self, seen: Histories) -> None:
        """None: the slopes of an integral cost as much as differences."""

    def _stopped(self, theta: Floats, repeats: Floats, last: Floats, age: Floats) -> Floats:
        r, alpha, s, beta = theta
        order = r + repeats
        start = alpha + last
        span = np.minimum(np.log((alpha + age) / start), REACH / order)
        nodes, weights = unit_nodes(NODES)
        v = span[:, None] * nodes
        height = -(order - 1)[:, None] * v - (s + 1) * np.log(
            beta + last[:, None] + start[:, None] * np.expm1(v)
        )
        top = height.max(axis=1)
        with np.errstate(divide="ignore"):
            area = np.log(span * np.sum(weights * np.exp(height - top[:, None]), axis=1))
        return np.asarray(np.log(s) - (order - 1) * np.log(start) + top + area)

    def orders_if_alive(self, theta: Floats, repeats: Floats, age: Floats, weeks: Floats) -> Floats:
        """Expected orders in the next weeks[j] of who lives at age[i]: shape (len(age), len(weeks))."""
        r, alpha, s, beta = theta
        growth = np.log1p(np.asarray(weeks)[None, :] / (beta + age)[:, None])
        power = (s - 1) * growth
        safe = np.where(np.abs(power) < 1e-12, 1.0, power)
        factor = np.where(np.abs(power) < 1e-12, 1.0, -np.expm1(-safe) / safe)
        rate = ((r + repeats) / (alpha + age))[:, None]
        return np.asarray(rate * (beta + age)[:, None] * growth * factor)


PARETO_NBD = ParetoNbd()
