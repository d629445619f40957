"""Which decisions about identity hold: the newest wins, losers stay listed."""

from datetime import datetime

from cli.overrides import Decision, resolve


def decision(number: int, verb: str, *sides: tuple[str, ...]) -> Decision:
    """Decision `number`, made on day `number`."""
    names = {"merge": ("a",), "split": ("a", "b"), "pin": ("record", "target")}[verb]
    return Decision(number, verb, dict(zip(names, sides, strict=True)), at=datetime(2026, 1, number))


def test_a_newer_split_beats_the_merge_that_would_join_its_sides() -> None:
    """Also where the merge joins them through a third record."""
    found = resolve(
        [
            decision(1, "merge", ("a", "b")),
            decision(2, "merge", ("b", "c")),
            decision(3, "split", ("a",), ("c",)),
        ]
    )

    assert found.beaten == {1: 3}
    assert [(number, one, other) for number, _, one, other in found.joined] == [(2, "b", "c")]


def test_a_newer_merge_beats_the_split() -> None:
    """Said again that they are one: the old wall falls."""
    found = resolve([decision(1, "split", ("a",), ("b",)), decision(2, "merge", ("a", "b"))])

    assert found.beaten == {1: 2}
    assert found.apart == []


def test_the_newest_pin_of_a_record_holds() -> None:
    """A record belongs to one person."""
    found = resolve([decision(1, "pin", ("r",), ("x",)), decision(2, "pin", ("r",), ("y",))])

    assert found.beaten == {1: 2}
    assert [(one, other) for _, _, one, other in found.joined] == [("r", "y")]


def test_a_revoked_decision_holds_no_longer() -> None:
    """And beats nobody."""
    split = Decision(
        2, "split", {"a": ("a",), "b": ("b",)}, at=datetime(2026, 1, 2), revoked_at=datetime(2026, 1, 3)
    )
    found = resolve([decision(1, "merge", ("a", "b")), split])

    assert found.beaten == {}
    assert len(found.joined) == 1
