"""One thread for linear algebra: dbt runs two models at a time, DuckDB has threads of its own, and more only wait for each other.

And sums do not depend on how many cores the machine has.
"""

from contextlib import AbstractContextManager
from typing import Any


def one_thread() -> AbstractContextManager[Any]:
    """Hold libraries of linear algebra that are loaded by now to one thread: import what uses them first."""
    from threadpoolctl import threadpool_limits

    limits: AbstractContextManager[Any] = threadpool_limits(limits=1, user_api="blas")
    return limits
