"""The frame of the simulation: its time, its deliveries, its random streams.

(seed, block, name)  ->  one random stream per topic, so that a change in one source moves no other

People come in blocks of at most `BLOCK` and every block writes its own files: memory stays
bounded and one machine can make as many people as its disk holds.
"""

import zlib
from dataclasses import dataclass
from datetime import UTC, date, datetime

import numpy as np

from demo.columns import LOCAL_OFFSET, Ints
from demo.effects import Effects

BLOCK = 10_000
HOUR = 3600
DAY = 24 * HOUR
MONTH = 30 * DAY


def epoch(year: int, month: int, day: int, hour: int = 0) -> int:
    """Return epoch seconds of a UTC instant."""
    return int(datetime(year, month, day, hour, tzinfo=UTC).timestamp())


START = epoch(2025, 1, 1) - LOCAL_OFFSET
AS_OF = epoch(2026, 6, 30, 12)
DELIVERIES = (date(2025, 12, 31), date(2026, 5, 31), date(2026, 6, 30))
"""Days on which the sources deliver; a row travels with the first delivery after it happened."""

CUTOFFS = np.array(
    [epoch(day.year, day.month, day.day) + DAY - LOCAL_OFFSET for day in DELIVERIES[:-1]] + [AS_OF + 1]
)
BRANDS = ("north", "south")
IDENTIFIERS = ("phone", "email", "loyalty")


@dataclass(frozen=True)
class World:
    """One block of people to simulate."""

    seed: int
    block: int
    start: int
    size: int
    effects: Effects
    without: frozenset[str] = frozenset()

    def rng(self, topic: str) -> np.random.Generator:
        """Return the random stream of a topic."""
        return np.random.default_rng([self.seed, self.block, zlib.crc32(topic.encode())])

    def has(self, identifier: str) -> bool:
        """Tell whether an identifier (phone, email, loyalty) is generated at all."""
        return identifier not in self.without


def delivery_of(seconds: Ints) -> Ints:
    """Return the number of the delivery that carries something that happened at `seconds`."""
    return np.searchsorted(CUTOFFS, seconds, side="right").astype(np.int64)


def daytime(rng: np.random.Generator, low: Ints, high: Ints | int) -> Ints:
    """Draw instants between `low` and `high`, most of them in the local afternoon."""
    drawn = low + rng.random(low.size) * np.maximum(high - low, 1)
    midnight = (drawn + LOCAL_OFFSET) // DAY * DAY - LOCAL_OFFSET
    second = np.clip(rng.normal(14.5, 3.5, low.size), 7, 22.9) * HOUR
    return (midnight + second).astype(np.int64)
