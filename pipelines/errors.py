"""What can go wrong outside our code, with the exit code that says so (README, Exit codes)."""


class CdpError(Exception):
    """Something failed: `message` says what, where and why, `hint` what to do next."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


class UsageError(CdpError):
    """Wrong arguments or configuration; nothing was done."""

    exit_code = 2


class BlockedError(CdpError):
    """A gate or guard stopped the run; nothing was published or sent after it."""

    exit_code = 3


class PartialError(CdpError):
    """Part of the work failed and the rest went on."""

    exit_code = 4


class BusyError(CdpError):
    """Another run holds the lock."""

    exit_code = 5
