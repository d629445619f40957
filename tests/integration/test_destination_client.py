"""The HTTP client of all destinations against a real server: when it sends, when it waits, what it says."""

import time
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

from pipelines.exports.destinations import open_rows
from pipelines.exports.destinations.base import Operation, Result, RowDestination
from tests.loopback import Answer, Call, Loopback, loopback


@pytest.fixture
def server() -> Iterator[Loopback]:
    """A receiver that accepts everything until told otherwise."""
    with loopback() as state:
        yield state


def operations(*keys: str, operation: str = "upsert") -> list[Operation]:
    """One operation a key, with a person in it."""
    payload = '{"name": "Jane Roe", "email": "jane@x.io", "revenue": 12345678901234567.89}'
    return [
        Operation(key, key, operation, f"idem-{key}", None if operation == "remove" else payload)
        for key in keys
    ]


def http(server: Loopback, **options: Any) -> RowDestination:
    """Type `http` at the server."""
    found = open_rows("http", {"url": f"{server.url}/in", "retry_seconds": 5, **options}, "sync_a")
    assert found is not None
    return found


def send(destination: RowDestination, *keys: str) -> list[Result]:
    """Send and close."""
    results = destination.send(operations(*keys or ("k1", "k2")))
    destination.close()
    return results


def scripted(*answers: Answer) -> Any:
    """Answers in turn, then acceptance."""
    left = list(answers)
    return lambda call: left.pop(0) if left else (200, {}, {})


@pytest.mark.parametrize(
    "headers",
    [
        lambda: {"Retry-After": "1"},
        lambda: {"Retry-After": formatdate(time.time() + 2, usegmt=True)},
        lambda: {"X-RateLimit-Reset": "1"},
        lambda: {"X-RateLimit-Reset": str(time.time() + 1)},
        lambda: {"RateLimit-Reset": str(int((time.time() + 1) * 1000))},
    ],
    ids=["seconds", "date", "reset", "epoch", "milliseconds"],
)
def test_no_request_inside_a_closed_window(server: Loopback, tmp_path: Path, headers: Any) -> None:
    """The destination says when; the other sync, with a client of its own, waits as well."""
    began = time.monotonic()
    server.answer = scripted((429, headers(), {}))
    options = {"pace": tmp_path / "crm"}
    first, second = http(server, **options), http(server, **options)
    results = first.send(operations("k1"))
    second.send(operations("k2"))
    later = [call.at - began for call in server.calls[1:]]

    assert all(result.ok for result in results)
    assert len(later) == 2
    assert min(later) > 0.99


def test_a_window_that_is_used_up_is_left_alone_before_it_is_refused(
    server: Loopback, tmp_path: Path
) -> None:
    """An accepted request that says `nothing left` closes the window too: no request is spent on a refusal."""
    server.answer = scripted((200, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1"}, {}))
    destination = http(server, batch_size=1, pace=tmp_path / "crm")
    destination.send(operations("k1"))
    destination.send(operations("k2"))

    assert server.calls[1].at - server.calls[0].at > 0.95
    assert len(server.calls) == 2


def test_a_window_beyond_the_patience_leaves_rows_pending(server: Loopback, tmp_path: Path) -> None:
    """One request, and none at all by the sync that comes after it."""
    server.answer = scripted((429, {"Retry-After": "3600"}, {}))
    first, second = http(server, pace=tmp_path / "crm"), http(server, pace=tmp_path / "crm")
    refused, kept = send(first), send(second)

    assert len(server.calls) == 1
    assert not any(result.ok or result.final for result in refused + kept)
    assert "wants no request for another 36" in str(second.stopped)


def test_silence_leaves_rows_pending(server: Loopback) -> None:
    """A request that times out may have arrived."""

    def slowly(call: Call) -> Answer:
        time.sleep(0.3)
        return 200, {}, {}

    server.answer = slowly
    results = send(http(server, timeout_seconds=0.1, retry_seconds=0))

    assert {(result.ok, result.final, result.reason) for result in results} == {(False, False, "ReadTimeout")}


def test_a_broken_connection_is_tried_again_under_the_same_key(server: Loopback) -> None:
    """The receiver may have acted on the first request: only the key tells it that the second is the same."""
    server.drop = lambda call: len(server.calls) == 1
    results = send(http(server))

    assert all(result.ok for result in results)
    assert len({call.headers["Idempotency-Key"] for call in server.calls}) == 1
    assert len(server.calls) == 2


def test_a_redirect_is_not_followed(server: Loopback) -> None:
    """The credentials would go along to somebody else."""
    with loopback() as thief:
        server.answer = lambda call: (307, {"Location": f"{thief.url}/steal"}, {})
        destination = http(server, headers={"Authorization": "Bearer s3cr3t-token"})
        results = send(destination)

        assert thief.calls == []
    assert len(server.calls) == 1
    assert "address or its credentials are wrong" in str(destination.stopped)
    assert not any(result.ok for result in results)


def test_neither_people_nor_secrets_are_repeated(server: Loopback) -> None:
    """A receiver that echoes the request gets nothing into the ledger by it."""
    server.answer = lambda call: (
        422,
        {},
        {"message": f"bad {call.body.decode()} {call.headers['Authorization']} {call.target}"},
    )
    destination = http(
        server, url=f"{server.url}/in?token=t0ps3cr3t", headers={"Authorization": "Bearer s3cr3t-token"}
    )
    said = str(send(destination)) + str(destination.stopped) + repr(destination.__dict__.get("options"))

    for hidden in ("Jane Roe", "jane@x.io", "s3cr3t-token", "t0ps3cr3t"):
        assert hidden not in said


def test_a_refusal_of_content_is_a_refusal_of_the_whole(server: Loopback) -> None:
    """The sender halves such a batch; one row, a wrong address and a doubtful request are not halved."""
    server.answer = lambda call: (400, {}, {"error": "bad"})
    whole, single = send(http(server)), send(http(server), "k1")
    server.answer = lambda call: (404, {}, {})
    lost = send(http(server))
    server.answer = scripted((500, {"Retry-After": "0"}, {}), (409, {}, {}))
    doubtful = send(http(server))

    assert {result.is_whole for result in whole} == {True}
    assert {result.is_whole for result in single + lost + doubtful} == {False}
    assert {result.final for result in doubtful} == {False}
