"""When a run of exports should end: at its deadline, or when somebody asks (SIGTERM).

The batch that is under way is finished and written down either way. A destination that waits (Retry-After) waits with `sleep`,
which returns early, so that a stop is not held up by a pause.
"""

import threading
import time
from dataclasses import dataclass, field

STEP_SECONDS = 0.1


@dataclass
class Stop:
    """`seconds` from now is the deadline (None: none); `ask` is what a signal handler calls."""

    seconds: float | None = None
    exit_code: int | None = None
    _began: float = field(default_factory=time.monotonic)
    _asked: threading.Event = field(default_factory=threading.Event)

    def ask(self, exit_code: int) -> None:
        """End after this batch, with this exit code of the process."""
        self.exit_code = exit_code
        self._asked.set()

    @property
    def seconds_left(self) -> float:
        """Until the deadline; infinite without one, 0 when somebody asked."""
        if self._asked.is_set():
            return 0.0
        if self.seconds is None:
            return float("inf")
        return max(0.0, self._began + self.seconds - time.monotonic())

    @property
    def reason(self) -> str | None:
        """Why to stop now; None: go on."""
        if self._asked.is_set():
            return "interrupted; the rest is sent by the next run"
        if self.seconds_left <= 0:
            return f"the deadline of {self.seconds:g} s has passed; the rest is sent by the next run"
        return None

    def sleep(self, seconds: float) -> None:
        """Wait so long, or until it is time to stop."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and self.reason is None:
            time.sleep(min(left, STEP_SECONDS, max(self.seconds_left, 0.001)))
