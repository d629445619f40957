"""A process that dies at a fail point, without a process: what had been committed by then is all that is left."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from pipelines.failpoints import FailPointError


@contextmanager
def dying_at(monkeypatch: pytest.MonkeyPatch, point: str) -> Iterator[None]:
    """What runs within must end the first time it reaches `point`."""
    monkeypatch.setattr("pipelines.failpoints._reached", Counter())
    monkeypatch.setenv("CDP_FAIL_AT", point)
    monkeypatch.setenv("CDP_FAIL_HOW", "raise")
    with pytest.raises(FailPointError):
        yield
    monkeypatch.delenv("CDP_FAIL_AT")
