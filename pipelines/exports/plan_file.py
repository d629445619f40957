"""A plan as a file: counts, guards and fingerprints, nothing about anybody; and what must be true to apply it."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from pipelines.errors import BlockedError, UsageError
from pipelines.exports.fingerprints import Fingerprint
from pipelines.exports.plan import SyncPlan

FORMAT = "cdp-plan-1"


def plan_values(plans: Sequence[SyncPlan], made_at: datetime, as_of: datetime) -> dict[str, Any]:
    """The plan as plain values, as `--out` writes it."""
    return {
        "format": FORMAT,
        "made_at": made_at.isoformat(),
        "as_of": as_of.isoformat(),
        "syncs": [
            {**asdict(one), "guard": one.guard.reason if one.guard else None, "due": one.due} for one in plans
        ],
    }


def write_plan(path: Path, values: Mapping[str, Any]) -> None:
    """Write a plan whole or not at all, readable by its owner only."""
    temporary = path.with_name(f".{path.name}.tmp")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        stream.write(json.dumps(values, indent=2, default=str) + "\n")
        stream.flush()
        os.fsync(stream.fileno())
    temporary.replace(path)


def read_plan(path: Path) -> dict[str, Fingerprint]:
    """The fingerprints by sync. Raises UsageError for a file that is no plan."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if values["format"] != FORMAT:
            raise KeyError("format")
        return {str(one["sync"]): Fingerprint(**one["fingerprint"]) for one in values["syncs"]}
    except OSError as error:
        raise UsageError(
            f"{path}: {error.strerror or 'cannot be read'}", hint="`cdp plan --out` writes one"
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{path} is no plan of this version", hint="`cdp plan --out` writes one") from error


def refuse_moved(expected: Mapping[str, Fingerprint], now: Mapping[str, Fingerprint]) -> None:
    """A plan is applied as it was read, or not at all.

    Raises BlockedError (exit 3) that names each sync and what of it has moved.
    """
    told = [f"sync `{name}` is not declared any more" for name in sorted(set(expected) - set(now))]
    told += [f"sync `{name}` is not in the plan" for name in sorted(set(now) - set(expected))]
    for name in sorted(set(expected) & set(now)):
        if moved := expected[name].moved(now[name]):
            told.append(f"sync `{name}`: {' and '.join(moved)}")
    if told:
        raise BlockedError(
            f"nothing was sent: since the plan was made, this has moved: {'; '.join(told)}",
            hint="look at what would be sent now: `cdp plan`",
        )
