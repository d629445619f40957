"""`cdp` in a process of its own, quicker: `python -m tests.quick_cdp run --config ...`.

For tests that need a process, but not one that has never heard of the project: dbt begins with the reading of another process of
the same test run, and takes the shortcuts of `quick_dbt`. All else is `cli.main`.
"""

from contextlib import ExitStack
from typing import Any

from cli import dbt
from cli.config import Company
from cli.main import main


def prepare(until: ExitStack) -> None:
    """Take the shortcuts, when dbt is first asked for; a command without it does not load it."""
    original = dbt._parse

    def parse(company: Company) -> Any:
        from tests.parse_cache import shared_reading

        dbt._parse = original
        until.enter_context(shared_reading())
        return dbt._parse(company)

    dbt._parse = parse


if __name__ == "__main__":
    with ExitStack() as at_the_end:
        prepare(at_the_end)
        main()
