"""Property tests draw the same examples in every `make test`: a landing is not a matter of luck. Proofs draw new ones."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

settings.register_profile("same", derandomize=True)
if not os.environ.get("CDP_PROOF"):
    settings.load_profile("same")
# a proof only: it installs Superset
collect_ignore = [] if os.environ.get("CDP_PROOF") else ["integration/test_dashboard.py"]


@pytest.fixture(scope="session", autouse=True)
def one_reading() -> Iterator[None]:
    """Companies of one process share what dbt reads of the project."""
    from tests.parse_cache import shared_reading

    with shared_reading():
        yield
