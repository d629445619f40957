"""What a sync, a purpose and a destination are, as plain frozen values.

The caller builds them from `cdp.yml` and the dbt exposures; `check` finds every mistake between them at once,
before anything is read or sent.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from pipelines.destination_types import TYPES, is_known
from pipelines.errors import UsageError
from pipelines.exports.destinations import check_options, fills_empty, modes_of, takes_back, target_of
from pipelines.exports.writeback import WritesBack

Mode = Literal["upsert", "update_only", "create_only", "mirror", "append", "membership"]
# what left the model leaves the destination
MIRRORS: tuple[Mode, ...] = ("mirror", "membership")
# who may no longer be written to leaves as well; what was said (append) or written into a row that was not ours
# (update_only) cannot be taken back
WITHDRAWS: tuple[Mode, ...] = ("upsert", "create_only", *MIRRORS)
Basis = Literal[
    "consent", "legitimate_interest", "contract", "public_task", "legal_obligation", "vital_interest"
]


@dataclass(frozen=True)
class Guards:
    """When a sync is held back. Percent and rows must both be passed to trip: a list of ten may shrink by half."""

    max_delete_percent: float = 20.0
    max_delete_rows: int = 10
    max_drop_percent: float = 50.0
    max_drop_rows: int = 10
    allow_empty: bool = False


@dataclass(frozen=True)
class SyncSpec:
    """One sync model and where it goes.

    `columns` are the columns that are sent and compared (None: every column of the model). `customer_id`
    names the column with the profile, whose consents decide; `contact_point` the column with the address.
    `fill_empty` are columns that never overwrite a value at the destination; `audience` is the audience whose holds apply.
    `writes_back` says which columns end in records of a source, so that they do not count as its word when they return.
    """

    name: str
    relation: str
    key: str
    mode: Mode
    purpose: str
    contact_point: str | None
    destination: str
    columns: tuple[str, ...] | None = None
    guards: Guards = Guards()
    customer_id: str = "customer_id"
    fill_empty: tuple[str, ...] = ()
    audience: str | None = None
    writes_back: WritesBack | None = None

    @property
    def follows_customers(self) -> bool:
        """The key is the profile itself, so a merge of profiles moves ledger rows."""
        return self.key == self.customer_id


@dataclass(frozen=True)
class PurposeSpec:
    """Why somebody may be written to: a legal basis, and the channel it covers."""

    name: str
    basis: Basis
    channel: str | None = None
    expires_after_days: int | None = None


@dataclass(frozen=True)
class DestinationSpec:
    """A place to send to. Options are kept out of the representation: they may hold secrets.

    `declared` are the options as they stand in cdp.yml, where secrets are references; None: as `options`.
    """

    name: str
    type: str
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    declared: Mapping[str, Any] | None = field(default=None, repr=False)


def check(
    syncs: Sequence[SyncSpec],
    purposes: Mapping[str, PurposeSpec],
    destinations: Mapping[str, DestinationSpec],
) -> None:
    """Refuse syncs that cannot work.

    Raises UsageError that lists every problem and, for an unknown name, what exists.
    """
    problems = [
        f"sync `{name}` is declared twice" for name, n in Counter(s.name for s in syncs).items() if n > 1
    ]
    for sync in syncs:
        problems += _sync_problems(sync, purposes, destinations)
    problems += _shared_files(syncs, destinations)
    if problems:
        raise UsageError(
            "; ".join(problems),
            hint="correct the sync's exposure (models/syncs), or `purposes` and `destinations` in cdp.yml",
        )


def _sync_problems(
    sync: SyncSpec, purposes: Mapping[str, PurposeSpec], destinations: Mapping[str, DestinationSpec]
) -> list[str]:
    where = f"sync `{sync.name}`"
    problems = []
    if sync.mode not in get_args(Mode):
        problems.append(f"{where}: mode `{sync.mode}` is unknown; modes: {', '.join(get_args(Mode))}")
    if sync.purpose not in purposes:
        problems.append(f"{where}: purpose `{sync.purpose}` is not declared; declared: {_names(purposes)}")
    else:
        problems += _purpose_problems(sync, purposes[sync.purpose])
    if sync.destination not in destinations:
        problems.append(
            f"{where}: destination `{sync.destination}` is not declared; declared: {_names(destinations)}"
        )
    else:
        destination = destinations[sync.destination]
        problems += [f"{where}: {problem}" for problem in _destination_problems(destination)]
        problems += [f"{where}: {problem}" for problem in _ability_problems(sync, destination)]
    return problems


def _ability_problems(sync: SyncSpec, destination: DestinationSpec) -> list[str]:
    """What the sync asks of a destination that cannot do it."""
    if not is_known(destination.type) or sync.mode not in get_args(Mode):
        return []
    problems = []
    if sync.mode not in modes_of(destination.type):
        able = ", ".join(modes_of(destination.type))
        problems.append(f"destination type `{destination.type}` cannot do mode {sync.mode}; it does: {able}")
    if sync.mode in WITHDRAWS and not takes_back(destination.type, destination.options):
        problems.append(
            f"destination `{destination.name}` cannot take a row back, which mode {sync.mode} must when somebody withdraws;"
            " give it `remove`, or say things with mode append"
        )
    if sync.fill_empty and not fills_empty(destination.type):
        problems.append(f"destination type `{destination.type}` cannot honour fill_empty")
    if sync.columns is not None and (extra := sorted(set(sync.fill_empty) - set(sync.columns))):
        problems.append(f"fill_empty names columns that are not sent: {', '.join(extra)}")
    return problems


def _purpose_problems(sync: SyncSpec, purpose: PurposeSpec) -> list[str]:
    where = f"purpose `{purpose.name}` of sync `{sync.name}`"
    if purpose.basis not in get_args(Basis):
        return [f"{where}: basis `{purpose.basis}` is unknown; bases: {', '.join(get_args(Basis))}"]
    if purpose.basis == "consent" and not (purpose.channel and sync.contact_point):
        # consent is given for one address on one channel: without both nothing could ever be lawful
        return [f"{where}: consent needs a channel and the sync a contact_point column"]
    return []


def _destination_problems(destination: DestinationSpec) -> list[str]:
    if not is_known(destination.type):
        known = ", ".join(sorted(TYPES))
        return [f"destination `{destination.name}` has the unknown type `{destination.type}`; types: {known}"]
    problems = check_options(destination.type, destination.options)
    return [f"destination `{destination.name}`: {problem}" for problem in problems]


def _shared_files(syncs: Sequence[SyncSpec], destinations: Mapping[str, DestinationSpec]) -> list[str]:
    """Two syncs that write one file would overwrite each other for ever."""
    takers: dict[str, list[str]] = {}
    for sync in syncs:
        spec = destinations.get(sync.destination)
        target = target_of(spec.type, spec.options, sync.name) if spec else None
        if target:
            takers.setdefault(target, []).append(sync.name)
    return [
        f"syncs {', '.join(names)} write the same file; put {{sync}} into the path of the destination"
        for names in takers.values()
        if len(names) > 1
    ]


def _names(declared: Mapping[str, object]) -> str:
    return ", ".join(sorted(declared)) or "none"
