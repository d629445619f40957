"""CPU seconds of a part of a build: beside other work on the machine wall seconds tell who else was there, CPU seconds hardly."""

import threading
import time
from collections.abc import Iterable
from types import TracebackType
from typing import Any

import numpy as np

EVERY_SECONDS = 0.02


class CpuClock:
    """Notes, while it is entered, at which moment (seconds of the epoch) the process had used how many CPU seconds."""

    def __init__(self) -> None:
        self._moments: list[tuple[float, float]] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._note, daemon=True)

    def __enter__(self) -> "CpuClock":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _note(self) -> None:
        while not self._ended.wait(EVERY_SECONDS):
            self._moments.append((time.time(), time.process_time()))

    def seconds(self, nodes: Iterable[dict[str, Any]]) -> float:
        """CPU seconds while at least one of the nodes ran (as `spans.wall_seconds`), those of another node beside it included."""
        moments, used = np.array(self._moments).T
        total, reached = 0.0, float("-inf")
        for start, end in sorted(node["span"] for node in nodes if node["span"]):
            begun = max(start, reached)
            if end > begun:
                total += float(np.interp(end, moments, used) - np.interp(begun, moments, used))
            reached = max(reached, end)
        return total
