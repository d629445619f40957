"""Purchase histories as the models see them: repeats x, time of the last purchase t_x, time observed T, in weeks."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
DAYS_PER_WEEK = 7.0


@dataclass(frozen=True)
class Histories:
    """One row per distinct history; `people` counts who share it. All arrays have one length."""

    repeats: Floats
    last: Floats
    age: Floats
    people: Floats

    @property
    def total(self) -> int:
        """Customers behind the rows."""
        return int(self.people.sum())

    def later(self, weeks: float) -> "Histories":
        """The same people, seen `weeks` later without a further purchase."""
        return Histories(self.repeats, self.last, self.age + weeks, self.people)

    def thinned(self, every: int) -> "Histories":
        """Every k-th history."""
        return Histories(self.repeats[::every], self.last[::every], self.age[::every], self.people[::every])


def grouped(repeats: Any, last_days: Any, age_days: Any) -> tuple[Histories, Ints]:
    """Whole days of each customer -> the distinct histories in a fixed order, and which of them each customer has.

    Shapes: three arrays of n, non-negative, last_days <= age_days; returns m <= n histories and n positions.
    """
    columns = [np.asarray(one, dtype=np.int64) for one in (repeats, last_days, age_days)]
    spans = [int(one.max(initial=0)) + 1 for one in columns]
    keys = (columns[0] * spans[1] + columns[1]) * spans[2] + columns[2]
    unique, where, people = np.unique(keys, return_inverse=True, return_counts=True)
    rest, age = np.divmod(unique, spans[2])
    found, last = np.divmod(rest, spans[1])
    return (
        Histories(found.astype(float), last / DAYS_PER_WEEK, age / DAYS_PER_WEEK, people.astype(float)),
        where.astype(np.int64),
    )
