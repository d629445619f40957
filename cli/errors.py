"""The errors of `pipelines`, and what a signal becomes."""

from pipelines.errors import BlockedError, BusyError, CdpError, PartialError, UsageError

__all__ = ["BlockedError", "BusyError", "CdpError", "Interrupted", "PartialError", "UsageError"]


class Interrupted(BaseException):
    """SIGINT or SIGTERM; not an Exception, so that no handler of ordinary errors swallows it."""

    def __init__(self, exit_code: int) -> None:
        super().__init__(exit_code)
        self.exit_code = exit_code
