"""Drift: figures of a table, and the size of a delivery, against what they were.

A share or a mean that moves by half a spread (Cohen's d, 0.5 = a medium effect) between two results, and a delivery that is a
third or four times the usual one, are worth a look and may be right: warnings.
"""

from statistics import median
from typing import Any

from cli.quality_rules import Check, History, Measure

# A number without a bound, as Great Expectations wants one.
UNBOUNDED = 1e18
MOST_DRIFT = 0.5
LEAST_DELIVERY, MOST_DELIVERY = 0.3, 4.0
# Fewer earlier deliveries say nothing of what is usual.
LEAST_HISTORY, HISTORY = 3, 7


def drifting(spec: dict[str, Any]) -> dict[str, str]:
    """Name -> SQL of each figure that is watched: `drift`, and the share of rows that have what `linked` names."""
    linked = {
        f"{column}_known": f'(checked."{column}" is not null)::int' for column in spec.get("linked", [])
    }
    return {**spec.get("drift", {}), **linked}


def drift(table: str, spec: dict[str, Any], measured: list[Measure], history: History) -> list[Measure]:
    """How far each figure has moved, in spreads of the last result.

    Unchanged figures keep the last comparison: else the second of two equal runs would differ from the first.
    """
    now = {one.check.name: one.measured for one in measured}
    found = []
    for name in drifting(spec):
        check = Check(table, f"drift:{name}", "", "warning", at_most=MOST_DRIFT)
        last = {part: history.get((table, f"{part}:{name}")) for part in ("mean", "spread", "drift")}
        mean, before, spread = now[f"mean:{name}"], last["mean"], last["spread"]
        moved: float | None = None
        if mean is not None and before is not None and before.measured is not None:
            if mean == before.measured and now[f"spread:{name}"] == (spread.measured if spread else None):
                moved = last["drift"].measured if last["drift"] else None
            else:
                # What never varied moves by whole spreads as soon as it does.
                least = max(abs(before.measured) * 0.01, 1e-9)
                moved = abs(mean - before.measured) / max((spread.measured if spread else None) or 0.0, least)
        found.append(Measure(check, moved))
    return found


def delivery_volume(received: list[int]) -> float | None:
    """The newest delivery (first) over the median of those before; None when there are too few."""
    before = received[1 : HISTORY + 1]
    if len(before) < LEAST_HISTORY:
        return None
    return received[0] / max(median(before), 1)
