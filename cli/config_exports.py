"""Section `exports` of cdp.yml: how long a run may send."""

from pydantic import Field

from cli.config_sources import Part

_SECONDS = {"s": 1, "m": 60, "h": 3600}


class Exports(Part):
    """After `deadline` (30s, 10m, 1h) the batch under way is finished; the next run sends the rest."""

    deadline: str | None = Field(None, pattern=r"^[1-9]\d{0,5}[smh]$")

    @property
    def deadline_seconds(self) -> float | None:
        """Seconds a run may send; None = until all is sent."""
        return float(int(self.deadline[:-1]) * _SECONDS[self.deadline[-1]]) if self.deadline else None
