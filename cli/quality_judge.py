"""Great Expectations as the judge: measures -> one-row frame -> Checkpoint -> verdicts and Data Docs.

It can not read DuckDB through SQLAlchemy, so it gets one row with a column per measure. One suite per table
makes one page per table in `.cdp/data_docs`. The context lives in memory: Data Docs are the only files,
written anew each time. This module is imported only when something has changed, as the import takes seconds.
"""

import logging
import os
import shutil
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

# Before the import: it reads the variable once.
os.environ["GX_ANALYTICS_ENABLED"] = "false"

import great_expectations as gx
import pandas as pd
from great_expectations.core.run_identifier import RunIdentifier
from great_expectations.expectations.core.expect_column_max_to_be_between import (
    ExpectColumnMaxToBeBetween,
)
from great_expectations.expectations.metadata_types import FailureSeverity

from cli.quality_measures import Measure


def judge(measures: list[Measure], docs: Path, run_id: str) -> dict[tuple[str, str], bool]:
    """Return (table, check) -> passed for every measure that has a number."""
    known = [one for one in measures if one.measured is not None]
    if not known:
        return {}
    shutil.rmtree(docs, ignore_errors=True)
    context = _context(docs)
    source = context.data_sources.add_pandas("measures")
    batch = source.add_dataframe_asset("of_this_run").add_batch_definition_whole_dataframe("all")
    by_table: defaultdict[str, list[Measure]] = defaultdict(list)
    for one in known:
        by_table[one.check.table].append(one)
    definitions = [
        context.validation_definitions.add(
            gx.ValidationDefinition(name=table, data=batch, suite=context.suites.add(_suite(table, members)))
        )
        for table, members in by_table.items()
    ]
    checkpoint = context.checkpoints.add(
        gx.Checkpoint(
            name="gate",
            validation_definitions=definitions,
            result_format="BOOLEAN_ONLY",
        )
    )
    frame = pd.DataFrame([{_column(one): one.measured for one in known}])
    outcome = checkpoint.run(batch_parameters={"dataframe": frame}, run_id=_run_identifier(run_id))
    # Once at the end: as an action of the checkpoint the site is built again for every suite (6 s for 34).
    context.build_data_docs()
    docs.chmod(0o700)
    return _verdicts(outcome)


def _run_identifier(run_id: str) -> RunIdentifier:
    # Great Expectations takes any name that dateutil can read for a time: in `20261122T074213Z-6709ad` that is an offset of
    # 67 hours, which Python refuses. A word in front makes it a name and nothing else.
    return RunIdentifier(run_name=f"cdp-{run_id}", run_time=datetime.now(UTC))


def _suite(table: str, members: list[Measure]) -> Any:
    return gx.ExpectationSuite(
        name=table,
        expectations=[
            ExpectColumnMaxToBeBetween(
                column=_column(one),
                min_value=one.check.at_least,
                max_value=one.check.at_most,
                severity=FailureSeverity(one.check.severity),
                meta={"table": table, "check": one.check.name},
            )
            for one in members
        ],
    )


def _context(docs: Path) -> Any:
    # The module that speaks has a level of its own, so the package's is not enough.
    for name in ("great_expectations", "great_expectations.data_context.types.base"):
        logging.getLogger(name).setLevel(logging.WARNING)
    context: Any = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False, "metric_calculations": False}
    for site in context.config.data_docs_sites.values():
        shutil.rmtree(site["store_backend"]["base_directory"], ignore_errors=True)
    context.update_data_docs_site(
        "local_site",
        {
            "class_name": "SiteBuilder",
            "show_how_to_buttons": False,
            "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
            "store_backend": {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(docs)},
        },
    )
    return context


def _verdicts(outcome: Any) -> dict[tuple[str, str], bool]:
    verdicts: dict[tuple[str, str], bool] = {}
    for result in outcome.run_results.values():
        for one in result.results:
            meta = one.expectation_config.meta
            verdicts[meta["table"], meta["check"]] = bool(one.success)
    return verdicts


def _column(one: Measure) -> str:
    return f"{one.check.table} {one.check.name}"
