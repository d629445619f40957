"""What a plan was made of, as three hashes: whoever applies it later must find the same, or it is not the plan that was read.

`data` is every operation the plan holds (key, kind, row hash, place in the ledger), `consents` every row that may not go and
why, `configuration` the sync, its purpose and its destination as written in the files: secrets stay references.
"""

import hashlib
import json
from dataclasses import asdict, dataclass

import duckdb

from pipelines.exports.specs import DestinationSpec, PurposeSpec, SyncSpec


@dataclass(frozen=True)
class Fingerprint:
    """Three hashes; they tell nothing about anybody."""

    data: str
    consents: str
    configuration: str

    def moved(self, now: "Fingerprint") -> list[str]:
        """What is no longer as it was."""
        return [name for name, value in asdict(self).items() if value != getattr(now, name)]


def fingerprint(
    con: duckdb.DuckDBPyConnection,
    sync: SyncSpec,
    purpose: PurposeSpec,
    destination: DestinationSpec,
    prefix: str,
    *,
    has_owed: bool = False,
) -> Fingerprint:
    """The fingerprint of a planned sync, from its temporary tables; `has_owed`: of what is owed in spite of a guard too."""
    operations = (
        "key, action, cast(is_wanted as varchar), coalesce(cast(row_hash as varchar), ''), cast(seq as varchar),"
        " coalesce(state, ''), coalesce(destination_key, ''), coalesce(cast(idempotency_key as varchar), '')"
    )
    tables = ("plan", "owed") if has_owed else ("plan",)
    stops = "key, coalesce(reason, ''), coalesce(deferred, '')"
    return Fingerprint(
        data=_sha(" ".join(_digest(con, f"{prefix}_{table}", operations) for table in tables)),
        consents=_digest(con, f"{prefix}_basis", stops),
        configuration=configuration_hash(sync, purpose, destination),
    )


def configuration_hash(sync: SyncSpec, purpose: PurposeSpec, destination: DestinationSpec) -> str:
    """Of what the files say of a sync."""
    configuration = [
        asdict(sync),
        asdict(purpose),
        destination.name,
        destination.type,
        dict(destination.declared if destination.declared is not None else destination.options),
    ]
    return _sha(json.dumps(configuration, sort_keys=True, default=str))


def _digest(con: duckdb.DuckDBPyConnection, table: str, columns: str) -> str:
    """Independent of the order of rows; a key occurs once, so that no two rows cancel each other."""
    rows, digest = con.execute(
        f"select count(*), coalesce(bit_xor(md5_number(concat_ws(chr(31), {columns}))), 0) from {table}"
    ).fetchall()[0]
    return _sha(f"{rows}-{digest}")


def _sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
