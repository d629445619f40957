"""One thread for linear algebra: dbt runs two models at a time, DuckDB has threads of its own, and more only wait for each other.

Measured on 110,000 customers: fits of orders and values took 8.7 CPU seconds with the threads that numpy takes by itself, 1.4
with one. And sums no longer depend on how many cores the machine has.
"""

from contextlib import AbstractContextManager
from typing import Any


def one_thread() -> AbstractContextManager[Any]:
    """Hold libraries of linear algebra that are loaded by now to one thread: import what uses them first."""
    from threadpoolctl import threadpool_limits

    limits: AbstractContextManager[Any] = threadpool_limits(limits=1, user_api="blas")
    return limits
