"""Data out: sync models in the warehouse become requests and files, under a ledger and a lawful basis.

Data flow: activation.sync_*  -> plan (diff against exports.ledger, basis, guards)  -> send (pending, request,
answer)  ->  exports.ledger, exports.deliveries, exports.runs
"""

from pipelines.exports.fingerprints import Fingerprint
from pipelines.exports.guards import Guard
from pipelines.exports.plan import SyncPlan, plan
from pipelines.exports.results import ExportResult, SyncResult
from pipelines.exports.send import run_syncs
from pipelines.exports.specs import DestinationSpec, Guards, PurposeSpec, SyncSpec
from pipelines.exports.stopping import Stop

__all__ = [
    "DestinationSpec",
    "ExportResult",
    "Fingerprint",
    "Guard",
    "Guards",
    "PurposeSpec",
    "Stop",
    "SyncPlan",
    "SyncResult",
    "SyncSpec",
    "plan",
    "run_syncs",
]
