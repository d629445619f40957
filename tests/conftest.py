"""Property tests draw the same examples in every `make test`: a landing is not a matter of luck. Proofs draw new ones."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

# how long an example takes says more about the machine than about the code
settings.register_profile("same", derandomize=True, deadline=None)
settings.register_profile("new", deadline=None)
settings.load_profile("new" if os.environ.get("CDP_PROOF") else "same")
# a proof only: it installs Superset
collect_ignore = [] if os.environ.get("CDP_PROOF") else ["integration/test_dashboard.py"]


@pytest.fixture(scope="session", autouse=True)
def one_reading() -> Iterator[None]:
    """Companies of one process share what dbt reads of the project."""
    from tests.parse_cache import shared_reading

    with shared_reading():
        yield
