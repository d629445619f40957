"""The one HTTP client of all destinations: rate, closed windows, backoff, patience, and no secret in what it says.

Data flow: request -> slot of the pace file -> httpx -> answer, read by the vendor's `judge` -> Reply

A request is tried again after 408, 425, 429, 5xx and silence, within `retry_seconds` for the whole sync; after
that, what it carried stays pending. Where the destination says until when it wants to hear nothing, nobody sends
before then, other syncs and processes included. Redirects are never followed: the credentials would go with them.
"""

import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from urllib.parse import urlencode

import httpx

from pipelines.exports.destinations.answers import again, backoff, closed_for, message, redact
from pipelines.exports.destinations.base import Operation, Others, Result, nobody
from pipelines.exports.destinations.options import HttpOptions
from pipelines.exports.destinations.pace import Pace
from pipelines.exports.stopping import Stop

MAX_ATTEMPTS = 5
NOT_SENT = "not sent"
# the address or the credentials are at fault: every other request would end the same way
HOPELESS = (401, 403, 404, 405, 410)
# the content is at fault, so a part of the batch may be fine
DIVISIBLE = (400, 409, 413, 422)


@dataclass(frozen=True)
class Verdict:
    """What an answer means for the next request. `wait`: seconds the destination asked for, None: our own pause."""

    again: bool
    wait: float | None = None


@dataclass(frozen=True)
class Reply:
    """What came of one request: a response, or silence with its cause."""

    response: httpx.Response | None
    cause: str
    doubtful: bool = False  # an earlier attempt of this request may have been carried out
    is_final: bool = False  # the destination has answered the request itself


Judge = Callable[[httpx.Response], Verdict]


@cache
def _trusted() -> ssl.SSLContext:
    """Whom https trusts, read once: httpx would read the certificates of all authorities for each destination."""
    return httpx.create_ssl_context()


def judge(response: httpx.Response) -> Verdict:
    """The grammar of HTTP itself; vendors with words of their own have a judge of their own."""
    return Verdict(again(response.status_code), closed_for(response))


@dataclass
class HttpClient:
    """Requests of one sync to one destination. `sleep` is replaced in tests."""

    options: HttpOptions
    headers: Mapping[str, str] = field(default_factory=dict)
    secrets: Sequence[str] = ()
    judge: Judge = judge
    # asked for headers before the first request and once more when they are refused; None when it gets none
    authorise: Callable[["HttpClient"], Mapping[str, str] | None] | None = None
    sleep: Callable[[float], None] = time.sleep
    stopped: str | None = None
    stop: Stop | None = None  # the sender's: no pause outlasts it

    def __post_init__(self) -> None:
        self._patience = self.options.retry_seconds
        self._http = httpx.Client(
            timeout=self.options.timeout_seconds, headers=dict(self.headers), verify=_trusted()
        )
        self._pace = Pace(self.options.pace, self.options.rate_limit, sleep=self._nap)
        self._is_authorised = False

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def request(
        self, method: str, url: str, content: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Reply:
        """One request, again while that may help and patience lasts. Never raises for what the network does."""
        doubtful, renewed = False, False
        reply = Reply(None, NOT_SENT)
        if not self._is_authorised and not self._authorised():
            return reply
        for attempt in range(MAX_ATTEMPTS):
            if not self._may_depart():
                return replace(reply, doubtful=doubtful)
            began = time.monotonic()
            reply, verdict = self._attempt(method, url, content, headers or {})
            if (
                reply.response is not None
                and reply.response.status_code == 401
                and not renewed
                and self.authorise
                and self._authorised()
            ):
                renewed = True
                continue
            if not verdict.again:
                return replace(reply, doubtful=doubtful, is_final=True)
            doubtful = doubtful or reply.doubtful
            self._patience -= time.monotonic() - began
            if attempt < MAX_ATTEMPTS - 1 and not self._wait(verdict, attempt, reply.cause):
                break
        return replace(reply, doubtful=doubtful)

    def _attempt(
        self, method: str, url: str, content: bytes | None, headers: Mapping[str, str]
    ) -> tuple[Reply, Verdict]:
        try:
            response = self._http.request(method, url, content=content, headers=dict(headers))
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            return Reply(None, type(error).__name__), Verdict(again=True)
        except httpx.InvalidURL:
            return Reply(None, "InvalidURL"), Verdict(again=False)
        except httpx.HTTPError as error:
            # the class only: the text of the error may contain the address
            return Reply(None, type(error).__name__, doubtful=True), Verdict(again=True)
        verdict = self.judge(response)
        if verdict.wait:
            self._pace.close(verdict.wait)
        status = response.status_code
        return Reply(response, f"HTTP {status}", doubtful=status >= 500), verdict

    def _may_depart(self) -> bool:
        """Wait until the window is open and the next slot has come, as far as patience goes."""
        while not self._pace.depart(self._stopping):
            wait = self._pace.closed_for()
            if self._stopping():
                return False
            if wait > self._patience:
                self.stopped = f"the destination wants no request for another {wait:.0f} s"
                return False
            self._patience -= wait
            self._nap(wait)
        return True

    def _stopping(self) -> str | None:
        return self.stop.reason if self.stop else None

    def _nap(self, seconds: float) -> None:
        (self.stop.sleep if self.stop else self.sleep)(seconds)

    def _wait(self, verdict: Verdict, attempt: int, cause: str) -> bool:
        """Our own pause, unless the destination has named one (which everybody keeps); False: no patience left."""
        pause = backoff(attempt) if verdict.wait is None else 0.0
        if pause > self._patience or (verdict.wait or 0.0) > self._patience:
            self.stopped = f"gave up after {self.options.retry_seconds:g} s of retries: {cause}"
            return False
        if self._stopping():
            return False
        self._patience -= pause
        if pause:
            self._nap(pause)
        return True

    def _authorised(self) -> bool:
        """Ask for credentials, where they have to be asked for; what cannot be had stops the sync."""
        ask, self.authorise = self.authorise, None  # the request for them needs none
        self._is_authorised = True
        if ask is None:
            return True
        headers = ask(self)
        self.authorise, self._is_authorised = ask, bool(headers)
        self._http.headers.update(headers or {})
        if not headers and not self.stopped:
            self.stopped = "no access token: the credentials are wrong"
        return bool(headers)


class HttpDestination:
    """What destinations behind HTTP share; a new one says how a batch is put and how its answer is read.

    `others` is the sender's: who else is known by what is about to be taken out.
    """

    def __init__(self, options: HttpOptions, client: HttpClient) -> None:
        self.options = options
        self.client = client
        self.others: Others = nobody

    @property
    def batch_size(self) -> int:
        """Operations committed and handed over together."""
        return self.options.batch_size

    @property
    def stop(self) -> Stop | None:
        """Until when the sender goes on."""
        return self.client.stop

    @stop.setter
    def stop(self, stop: Stop | None) -> None:
        self.client.stop = stop

    @property
    def stopped(self) -> str | None:
        """Set once the destination refuses everything or no patience is left."""
        return self.client.stopped

    def close(self) -> None:
        """Close the connections."""
        self.client.close()

    def failed(self, operations: Sequence[Operation], reply: Reply) -> list[Result]:
        """A request that was not accepted: unknown whether it arrived, or refused, as a whole if it had several rows."""
        response = reply.response
        if not reply.is_final:
            why = (
                (self.client.stopped or "stopped before it was sent")
                if reply.cause == NOT_SENT
                else reply.cause
            )
            return [Result(op.key, ok=False, reason=why, final=False) for op in operations]
        if response is None:
            return [Result(op.key, ok=False, reason=reply.cause) for op in operations]
        reason = self.reason(operations, f"{reply.cause} {message(response)}".strip())
        status = response.status_code
        if status in HOPELESS or response.is_redirect:
            self.client.stopped = f"{reply.cause}: the address or its credentials are wrong"
        # after silence, a refusal may well mean "I have that already"
        is_whole = status in DIVISIBLE and len(operations) > 1 and not reply.doubtful
        return [
            Result(op.key, ok=False, reason=reason, final=not reply.doubtful, is_whole=is_whole)
            for op in operations
        ]

    def reason(self, operations: Sequence[Operation], said: str) -> str:
        """Cut what a destination says down to what is about the failure, not about people or secrets."""
        secret = " ".join([*self.client.secrets, *self.client.headers.values()])
        values = [value for op in operations for value in (*op.row.values(), op.destination_key)]
        return redact(said, secret, values)


def bearer(client: HttpClient, url: str, form: Mapping[str, str]) -> Mapping[str, str] | None:
    """Headers with an access token by OAuth 2.0 (RFC 6749, section 5.1); None when it is refused."""
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    reply = client.request("POST", url, urlencode(form).encode(), headers)
    try:
        token = (
            reply.response.json()["access_token"] if reply.response and reply.response.is_success else None
        )
    except (ValueError, KeyError, TypeError):
        token = None
    return {"Authorization": f"Bearer {token}"} if token else None


def accepted(operations: Sequence[Operation]) -> list[Result]:
    """All of them taken."""
    return [Result(operation.key, ok=True) for operation in operations]


def shared(operation: Operation) -> Result:
    """A removal that takes nothing out: somebody else who stays is known by all of it."""
    return Result(
        operation.key, ok=True, is_skipped=True, reason="another row of this sync is the same there"
    )


def refused(operation: Operation, reason: str) -> Result:
    """A row that will not be taken as it is."""
    return Result(operation.key, ok=False, reason=reason)
