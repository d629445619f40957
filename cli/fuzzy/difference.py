"""What a new model file would change, in words: what a reviewer of `cdp identity train` reads."""

import math

from cli.fuzzy.calibrate import thresholds
from cli.fuzzy.model import Model, Trained

WORTH_SAYING = 0.5  # bits


def describe_difference(old: Model, new: Model, merge_at: float = 0.97, review_at: float = 0.80) -> list[str]:
    """One line per change that matters; empty when the files decide alike."""
    if new.refused_because or old.refused_because:
        return _refusals(old, new)
    lines = _data(old, new) + _comparisons(old, new) + _terms(old, new) + _rules(old, new)
    for what, before, after in zip(
        ("merge", "review"),
        thresholds(old, merge_at, review_at),
        thresholds(new, merge_at, review_at),
        strict=True,
    ):
        if before != after:
            lines.append(f"threshold to {what}: {_bits(before)} -> {_bits(after)}")
    return lines


def _refusals(old: Model, new: Model) -> list[str]:
    if old.refused_because == new.refused_because:
        return []
    if new.refused_because:
        return [f"the data no longer carry fuzzy links: {new.refused_because}"]
    return [f"the data now carry fuzzy links (before: {old.refused_because})"]


def _data(old: Model, new: Model) -> list[str]:
    lines = []
    if old.fingerprint != new.fingerprint:
        lines.append(f"trained on {new.records:,} records (before: {old.records:,})")
    for what, before, after in (
        ("matching pairs expected", old.expected_matches, new.expected_matches),
        ("pairs of relatives expected", _pairs(old, old.relative_share), _pairs(new, new.relative_share)),
        ("pairs of namesakes expected", _pairs(old, old.namesake_share), _pairs(new, new.namesake_share)),
    ):
        if abs(after - before) > 0.1 * max(before, 10):
            lines.append(f"{what}: {before:,.0f} -> {after:,.0f}")
    return lines


def _pairs(model: Model, share: float) -> float:
    return share * model.records * (model.records - 1) / 2


def _comparisons(old: Model, new: Model) -> list[str]:
    before, after = ({c.name: c for c in model.comparisons} for model in (old, new))
    lines = [f"`{name}` is no longer compared" for name in before if name not in after]
    lines += [f"`{name}` is compared now" for name in after if name not in before]
    for name in after:
        if name in before:
            lines += _grades(before[name], after[name])
    return lines


def _grades(old: Trained, new: Trained) -> list[str]:
    return [
        f"`{new.name}`, {after.label}: {before.weight:+.1f} -> {after.weight:+.1f} bits"
        for before, after in zip(old.grades, new.grades, strict=True)
        if abs(after.weight - before.weight) >= WORTH_SAYING
    ]


def _terms(old: Model, new: Model) -> list[str]:
    lines = []
    before = {terms.column: set(terms.values) for terms in old.terms}
    for terms in new.terms:
        listed = before.get(terms.column, set())
        come, gone = len(set(terms.values) - listed), len(listed - set(terms.values))
        if come or gone:
            lines.append(f"frequent values of `{terms.column}`: {come} new, {gone} gone")
    return lines


def _rules(old: Model, new: Model) -> list[str]:
    lines = [
        f"pairs are no longer looked for by {' + '.join(rule)}" for rule in old.rules if rule not in new.rules
    ]
    return lines + [
        f"pairs are looked for by {' + '.join(rule)}" for rule in new.rules if rule not in old.rules
    ]


def _bits(weight: float) -> str:
    return "never" if math.isinf(weight) else f"{weight:.1f} bits"
