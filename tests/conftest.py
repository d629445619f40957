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
def one_reading(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[None]:
    """Companies of all processes share what dbt reads of the project."""
    from tests.parse_cache import SHARED, shared_reading

    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "shared"
    folder.mkdir(exist_ok=True)
    os.environ[SHARED] = str(folder)
    with shared_reading():
        yield
