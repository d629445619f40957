"""What a shop's events, orders and settings say, worked out a second time in plain Python: sessions, conversions, credit.

Events (dicts as the tracker sends them)  ->  owners by slicing  ->  sessions  ->  touches of each conversion  ->  credit

Nothing here is read from the warehouse and no SQL is used; times are in seconds.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

TIMEOUT = 30 * 60
LOOKBACK = 30 * 86400


@dataclass
class Visit:
    """One session; `owner` is a user or, for nobody, the device."""

    device: str
    owner: str
    is_known: bool
    events: list[dict[str, Any]] = field(default_factory=list)

    @property
    def start(self) -> int:
        """Time of the first event."""
        return int(self.events[0]["t"])

    @property
    def channel(self) -> str:
        """By the medium of the first event; direct without one."""
        return {"cpc": "paid_search", "email": "email"}.get(self.events[0]["medium"], "direct")

    @property
    def is_bot(self) -> bool:
        """By its name, or 30 events and more, faster than two a second."""
        size, seconds = len(self.events), self.events[-1]["t"] - self.start
        return "bot" in self.events[0]["agent"] or (size >= 30 and seconds < 0.5 * (size - 1))


def visits(events: Iterable[dict[str, Any]]) -> list[Visit]:
    """Slice each device by logins and cut it where it rests or another person begins."""
    devices: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for one in {one["id"]: one for one in events}.values():
        devices[one["device"]].append(one)
    out: list[Visit] = []
    for device, mine in devices.items():
        mine.sort(key=lambda one: (one["t"], one["id"]))
        owner = next((one["user"] for one in mine if one["user"]), None)
        last: Visit | None = None
        for one in mine:
            owner = one["user"] or owner
            one["owner"] = owner or device
            if one["type"] == "identify":
                continue
            if last is None or one["t"] - last.events[-1]["t"] > TIMEOUT or last.owner != one["owner"]:
                last = Visit(device, one["owner"], owner is not None)
                out.append(last)
            last.events.append(one)
    return out


def paths(
    sessions: Sequence[Visit], conversions: Iterable[tuple[str, set[str], int]]
) -> dict[str, list[Visit]]:
    """Conversion -> sessions that lead to it, in order; a conversion is its number, whose it is, and when."""
    return {
        number: sorted(
            (one for one in sessions if one.owner in owners and not one.is_bot
             and one.start <= moment <= one.start + LOOKBACK),
            key=lambda one: one.start,
        )
        for number, owners, moment in conversions
    }  # fmt: skip


def last_non_direct(path: Sequence[Visit]) -> Visit:
    """The last session of a path that was not direct; the last where all were."""
    return ([one for one in path if one.channel != "direct"] or list(path))[-1]


def credit(
    sessions: Sequence[Visit], conversions: Iterable[tuple[str, set[str], int]]
) -> dict[str, dict[str, dict[str, Fraction]]]:
    """Conversion -> model -> channel -> weight; a conversion is its number, whose it is, and when."""
    out: dict[str, dict[str, dict[str, Fraction]]] = {}
    for number, path in paths(sessions, conversions).items():
        channels = [one.channel for one in path] or ["unattributed"]
        linear: dict[str, Fraction] = defaultdict(Fraction)
        for channel in channels:
            linear[channel] += Fraction(1, len(channels))
        out[number] = {
            "first": {channels[0]: Fraction(1)},
            "last_non_direct": {last_non_direct(path).channel if path else "unattributed": Fraction(1)},
            "linear": dict(linear),
        }
    return out
