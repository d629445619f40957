"""Whatever happens, in whatever order, the destination ends as the model wants it once failures stop.

A hypothesis state machine over a small world: rows come, change and leave, consents come and go, and in between runs meet a
receiver that accepts, refuses whole requests, refuses one row, does the work and stays silent, does nothing and stays silent,
stops answering, or dies with us before or after it has acted. The receiver is strict: the same idempotency key with the same
content changes nothing. With other content it is an error; only a receiver of events answers that it has the key, and changes
nothing (an event whose row has changed cannot be repeated as it was).
"""

import os
from contextlib import suppress
from dataclasses import replace

import duckdb
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    rule,
    run_state_machine_as_test,
)

from pipelines.exports import DestinationSpec, Guards, SyncSpec, plan
from pipelines.exports.specs import Mode
from tests.exports_fake import AS_OF, HOOK_SYNC, PURPOSES, add_people, create_tables, run, say
from tests.exports_memory import KilledError, Memory, memory_type

PROOF = os.environ.get("CDP_PROOF") == "1"
SIZES = settings(
    max_examples=400 if PROOF else 6,
    stateful_step_count=40 if PROOF else 14,
    deadline=None,
    derandomize=not PROOF,
    suppress_health_check=list(HealthCheck),
)
PEOPLE = [f"c{n:05d}" for n in range(6)]
SYNC = replace(
    HOOK_SYNC,
    destination="memory",
    guards=Guards(max_delete_percent=100, max_drop_percent=100, allow_empty=True),
)
TO = {"memory": DestinationSpec("memory", "memory")}
people = st.sampled_from(PEOPLE)
CHANGES = ["change", "change", "change", "leave", "come", "granted", "granted", "withdrawn", "denied"]
MODEL = {
    "change": "update activation.sync_hook_people set first_name = $value where customer_id = $person",
    "leave": "delete from activation.sync_hook_people where customer_id = $person",
    "come": """
        insert into activation.sync_hook_people
        select $person, 'p' || cast(right($person, 5) as int) || '@example.com', $value, 1
        where $person not in (select customer_id from activation.sync_hook_people)
    """,
}
behaviours = st.one_of(
    st.sampled_from(["accept", "refuse", "lost", "silent", "stop", "kill_before", "kill_after"]),
    people.map("poison:{}".format),
    people.map("partial:{}".format),
)


class Deliveries(RuleBasedStateMachine):
    """One sync, one receiver; `mode` is fixed by the subclass."""

    mode: Mode = "mirror"
    knows_keys = False

    @initialize()
    def begin(self) -> None:
        """Six people who agreed."""
        self.memory = Memory(batch_size=4, knows_keys=self.knows_keys)
        self.types = memory_type(self.memory)
        self.types.__enter__()
        self.con = duckdb.connect()
        create_tables(self.con)
        add_people(self.con, 0, len(PEOPLE))
        self.runs = 0
        self.values = 0
        self.sync: SyncSpec = replace(SYNC, mode=self.mode)

    @rule(changes=st.lists(st.tuples(st.sampled_from(CHANGES), people), min_size=1, max_size=4))
    def live(self, changes: list[tuple[str, str]]) -> None:
        """Rows change (every third time to a value they had), leave and come back; people agree or no longer do."""
        for what, person in changes:
            if what in ("granted", "withdrawn", "denied"):
                say(self.con, person, what)
                continue
            self.values += 1
            value = f"v{self.values % 3}" if what == "change" else "back"
            self.con.execute(MODEL[what], {"person": person} | ({} if what == "leave" else {"value": value}))

    @rule(script=st.lists(behaviours, min_size=1, max_size=4))
    def send(self, script: list[str]) -> None:
        """A run that meets trouble; requests beyond the script are accepted."""
        told = iter(script)
        self.memory.behave = lambda operations: next(told, "accept")
        self.runs += 1
        with suppress(KilledError):
            run(self.con, TO, self.sync, run_id=f"r{self.runs:04d}")

    def heal(self) -> None:
        """Failures stop: two runs later everything is as it should be, and a third sends nothing."""
        self.memory.behave = lambda operations: "accept"
        self.attempt()
        self.attempt()
        before = len(self.memory.arrived)
        self.attempt()
        assert len(self.memory.arrived) == before, "nothing has changed, and something was sent"
        self.check()

    def attempt(self) -> None:
        """One run without trouble, from the plan on: what is planned is what is done."""
        self.runs += 1
        (counts,) = plan(self.con, [self.sync], PURPOSES, TO, as_of=AS_OF)
        done = run(self.con, TO, self.sync, run_id=f"r{self.runs:04d}").syncs[0]
        names = ("added", "changed", "removed", "retried", "unchanged", "excluded")
        assert [getattr(counts, name) for name in names] == [getattr(done, name) for name in names]
        assert done.acked == counts.due

    def check(self) -> None:
        """The receiver against the model, told without the exports."""
        wanted = dict(
            self.con.execute(
                """
                select people.customer_id, people.first_name
                from activation.sync_hook_people as people
                inner join marts.consents as consents using (customer_id)
                where consents.state = 'granted'
                """
            ).fetchall()
        )
        lawful = {
            who
            for (who,) in self.con.execute(
                "select customer_id from marts.consents where state = 'granted'"
            ).fetchall()
        }
        held = {key: row["first_name"] for key, row in self.memory.rows.get(self.sync.name, {}).items()}
        waiting = {
            key
            for (key,) in self.con.execute(
                "select key from exports.ledger where state not in ('acked', 'removed')"
            ).fetchall()
        }
        self.compare(held, wanted, lawful)
        # what got no answer, has left the model and is not to be taken back stays unknown for ever
        assert not waiting & set(wanted)

    def compare(self, held: dict[str, str], wanted: dict[str, str], lawful: set[str]) -> None:
        """A mirror holds exactly the model."""
        assert held == wanted

    def teardown(self) -> None:
        """Every example ends well."""
        if hasattr(self, "con"):
            try:
                if self.runs:
                    self.heal()
            finally:
                self.types.__exit__(None, None, None)
                self.con.close()


class Upserts(Deliveries):
    """What left the model stays, as long as it may."""

    mode: Mode = "upsert"

    def compare(self, held: dict[str, str], wanted: dict[str, str], lawful: set[str]) -> None:
        """All of the model; beyond it only people who still agree."""
        assert {key: held.get(key) for key in wanted} == wanted
        assert set(held) <= lawful


class Events(Deliveries):
    """Said once."""

    mode: Mode = "append"
    knows_keys = True

    def compare(self, held: dict[str, str], wanted: dict[str, str], lawful: set[str]) -> None:
        """Everybody of the model has arrived, each under one idempotency key."""
        assert set(wanted) <= set(held)
        keys = {(one.key, one.idempotency_key) for _, one in self.memory.arrived}
        assert len(keys) == len({key for key, _ in keys})


def test_a_mirror_ends_as_the_model() -> None:
    """Any sequence of answers, silence, kills, changes and withdrawals."""
    run_state_machine_as_test(Deliveries, settings=SIZES)


def test_an_upsert_ends_with_the_model_in_it_and_nobody_who_withdrew() -> None:
    """The same for a destination that keeps what left."""
    run_state_machine_as_test(Upserts, settings=SIZES)


def test_an_event_is_said_once() -> None:
    """The same for events."""
    run_state_machine_as_test(Events, settings=SIZES)
