"""How often a destination may be asked: over all syncs and all processes that share one small file.

The file holds the departures of the last window, the next slot, and until when the destination has closed itself
(Retry-After and the like). It is read and written under an exclusive lock (flock), which a killed process lets go of.
Slots are spread evenly; a request that left late is made up for, but never beyond `requests` in any window.
"""

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from pipelines.exports.destinations.options import Rate

# the way to the destination is not always equally long: two requests may arrive closer than they left
SLACK = 1.02
# more departures than this need not be remembered: the window is shortened instead
LONGEST_MEMORY = 500
# share of a window that may be made up for
CATCH_UP = 0.1
# a wait longer than this is not spent holding the lock
SHORT_SECONDS = 0.02


@dataclass
class _State:
    written_at: float = 0.0
    next_at: float = 0.0
    closed_until: float = 0.0
    departures: list[float] = field(default_factory=list)


class Pace:
    """The rate and the closed window of one destination. Without a path it is kept by this process alone."""

    def __init__(
        self,
        path: Path | None,
        rate: Rate | None,
        *,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._path, self._clock, self._sleep = path, clock, sleep
        self._own = _State()
        self._interval = rate.seconds / rate.requests * (1 + (SLACK - 1) / 2) if rate else 0.0
        self._memory = min(rate.requests, LONGEST_MEMORY) if rate else 0
        self._window = self._memory * rate.seconds / rate.requests * SLACK if rate else 0.0

    def closed_for(self) -> float:
        """Seconds until the destination may be asked again; 0 when it may be asked now."""
        with self._state() as state:
            return max(0.0, state.closed_until - self._clock())

    def close(self, seconds: float) -> None:
        """Keep everybody away for so long; a later end that somebody else has noted stays."""
        with self._state() as state:
            state.closed_until = max(state.closed_until, self._clock() + seconds)

    def depart(self, stopping: Callable[[], object] = lambda: None) -> bool:
        """Wait for the next slot and take it; False when the destination has closed itself, or `stopping` says why."""
        while True:
            with self._state() as state:
                now = self._clock()
                if state.closed_until > now:
                    return False
                wait = self._due(state) - now if self._memory else 0.0
                if wait <= SHORT_SECONDS:
                    if wait > 0:
                        self._sleep(wait)
                    self._leave(state)
                    return True
            if stopping():
                return False
            self._sleep(min(wait - SHORT_SECONDS / 2, 1.0))

    def _due(self, state: _State) -> float:
        """When the next request may leave."""
        full = len(state.departures) >= self._memory
        return max(state.next_at, state.departures[-self._memory] + self._window if full else 0.0)

    def _leave(self, state: _State) -> None:
        if not self._memory:
            return
        now = self._clock()
        # being late is made up for, a little; what was missed while nobody asked is not
        state.next_at = max(state.next_at, now - self._window * CATCH_UP) + self._interval
        state.departures = [*state.departures, now][-self._memory :]

    @contextmanager
    def _state(self) -> Iterator[_State]:
        """What is known, exclusively; written back when it changed."""
        if self._path is None:
            yield self._own
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            state = _read(handle, self._clock())
            before = asdict(state)
            yield state
            if asdict(state) != before:
                state.written_at = self._clock()
                content = json.dumps(asdict(state)).encode()
                os.pwrite(handle, content, 0)
                os.ftruncate(handle, len(content))
        finally:
            os.close(handle)


def _read(handle: int, now: float) -> _State:
    try:
        state = _State(**json.loads(os.pread(handle, 1 << 20, 0)))
    except (ValueError, TypeError):
        return _State()
    # a clock that was set back must not close a destination for years
    return state if state.written_at <= now + 1 else _State()
