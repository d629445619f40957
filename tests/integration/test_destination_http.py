"""Type `http`: templates that no value can break out of, signatures, Slack, and the exposure of a wrong option."""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cli.config import load_company
from pipelines.errors import UsageError
from pipelines.exports.destinations import exact, open_rows, requests_for, template
from pipelines.exports.destinations.base import Operation
from pipelines.exports.destinations.signature import signed_headers
from tests.loopback import Answer, Call, Loopback, loopback

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.fixture
def server() -> Iterator[Loopback]:
    """A receiver that accepts everything until told otherwise."""
    with loopback() as state:
        yield state


def upsert(key: str, **row: Any) -> Operation:
    """A row to send."""
    return Operation(key, key, "upsert", f"idem-{key}", json.dumps(row))


def remove(key: str) -> Operation:
    """A row to take back."""
    return Operation(key, key, "remove", f"idem-{key}", None)


def send(server: Loopback, *operations: Operation, **options: Any) -> list[Any]:
    """Send to the server."""
    destination = open_rows("http", {"url": f"{server.url}/in", "retry_seconds": 0, **options}, "sync_a")
    assert destination is not None
    results = destination.send(operations)
    destination.close()
    return results


@settings(max_examples=200, deadline=None)
@given(value=st.one_of(st.text(), st.integers(), st.booleans(), st.none()))
def test_no_value_breaks_out_of_a_body(value: Any) -> None:
    """Whatever a row holds, the body has the members of the template, and the value where it belongs."""
    tree = {"whole": "{{v}}", "within": "Dear {{v}}!", "list": ["{{ v }}", 1], "fixed": True}
    body = json.loads(exact.dumps(template.fill(tree, {"v": value})))

    assert list(body) == list(tree)
    assert body["whole"] == body["list"][0] == value
    assert body["within"].startswith("Dear ")
    assert body["fixed"] is True


@settings(max_examples=200, deadline=None)
@given(value=st.text(min_size=1).filter(lambda text: text not in (".", "..")))
def test_no_value_leads_to_another_address(value: str) -> None:
    """Slashes, question marks and line breaks stay within their part of the path."""
    address = template.fill_address("https://h.example/people/{{id}}/tags?x=1", {"id": value})

    assert address.count("/") == 5
    assert address.endswith("/tags?x=1")
    assert address.isascii()
    assert not set(address) & set(" \r\n#{}")


def test_decimals_keep_their_digits(server: Loopback) -> None:
    """A float would round the balance."""
    operation = Operation("k", "k", "upsert", "i", '{"balance": 12345678901234567.89, "n": 3}')
    send(server, operation, per="row", body={"b": "{{balance}}", "text": "{{balance}}!", "n": "{{n}}"})

    assert server.calls[0].body == b'{"b":12345678901234567.89,"text":"12345678901234567.89!","n":3}'


def test_rows_of_a_batch_have_a_template_of_their_own(server: Loopback) -> None:
    """Removals go out by a request of their own; the url takes values of a row only with a row per request."""
    results = send(
        server,
        remove("k9"),
        upsert("k1", email="a@x.io", tier="gold"),
        upsert("k2", email="b@x.io", tier=None),
        body={"source": "cdp", "contacts": "{{cdp.rows}}"},
        row={"mail": "{{email}}", "note": "tier {{tier}}", "id": "{{cdp.key}}"},
        remove={"method": "POST", "url": f"{server.url}/gone", "body": {"ids": "{{cdp.rows}}"}},
    )

    assert [(call.method, call.path) for call in server.calls] == [("POST", "/gone"), ("POST", "/in")]
    assert server.calls[1].json == {
        "source": "cdp",
        "contacts": [
            {"mail": "a@x.io", "note": "tier gold", "id": "k1"},
            {"mail": "b@x.io", "note": "tier ", "id": "k2"},
        ],
    }
    assert [result.ok for result in results] == [True] * 3


def test_one_request_a_row_with_its_own_address(server: Loopback) -> None:
    """PUT and DELETE of single things, as many an API has them; what is gone already is removed."""
    server.answer = lambda call: (404 if call.method == "DELETE" else 200, {}, {})
    url = f"{server.url}/people/{{{{cdp.key}}}}"
    results = send(
        server,
        upsert("k/1", a=1),
        remove("k 2"),
        per="row",
        url=url,
        method="PUT",
        body={"a": "{{a}}"},
        remove={},
    )

    assert [(call.method, call.path, call.json) for call in server.calls] == [
        ("PUT", "/people/k%2F1", {"a": 1}),
        ("DELETE", "/people/k%202", None),
    ]
    assert [result.ok for result in results] == [True, True]


def test_a_row_that_does_not_fit_its_template_is_refused_alone(server: Loopback) -> None:
    """A column that the sync does not send is named; no request leaves for that row."""
    results = send(server, upsert("k1", a=1), upsert("k2", b=1), remove("k3"), per="row", body={"a": "{{a}}"})

    assert [result.ok for result in results] == [True, False, False]
    assert "`a`, which the sync does not send" in str(results[1].reason)
    assert "no `remove`" in str(results[2].reason)
    assert len(server.calls) == 1


def test_the_published_vector_is_signed_as_published() -> None:
    """Standard Webhooks' own test vector."""
    headers = signed_headers(SECRET, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')

    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def strict_receiver(call: Call) -> Answer:
    """Verifies as https://www.standardwebhooks.com tells receivers to: over the raw body, a signature of any secret."""
    content = f"{call.headers['webhook-id']}.{call.headers['webhook-timestamp']}.".encode() + call.body
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    wanted = "v1," + base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
    return (200 if wanted in call.headers["webhook-signature"].split(" ") else 401), {}, {}


def test_a_receiver_can_verify_every_request(server: Loopback) -> None:
    """The id is the idempotency key; during a rotation both secrets sign; a wrong one is refused."""
    server.answer = strict_receiver
    other = "whsec_" + base64.b64encode(b"another secret of 24 byt").decode()
    signed = send(server, upsert("k1", a="é"), per="row", signing_secret=SECRET)
    rotating = send(server, upsert("k1", a=1), upsert("k2", a=1), signing_secret=f"{other} {SECRET}")
    wrong = send(server, upsert("k1", a=1), signing_secret=other)

    assert [result.ok for result in signed + rotating + wrong] == [True, True, True, False]
    assert server.calls[0].headers["webhook-id"] == "idem-k1"
    assert len(server.calls[1].headers["webhook-signature"].split(" ")) == 2


def slack(call: Call) -> Answer:
    """An incoming webhook as https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks describes it.

    POST of JSON with `text` or `blocks`, answered `ok` as text; anything else is 400 `invalid_payload` or `no_text`.
    """
    if call.method != "POST" or call.headers.get("Content-Type") != "application/json":
        return 400, {}, "invalid_payload"
    body = call.json
    if not isinstance(body, dict) or set(body) - {"text", "blocks", "thread_ts"}:
        return 400, {}, "invalid_payload"
    return (200, {}, "ok") if body.get("text") or body.get("blocks") else (400, {}, "no_text")


def test_slack_is_a_template(server: Loopback) -> None:
    """One message a row; a customer's name cannot call the whole channel."""
    server.answer = slack
    text = "Call *{{full_name | slack}}*: NPS {{latest_nps}}"
    results = send(
        server, upsert("k1", full_name="<!channel> & Co", latest_nps=2), per="row", body={"text": text}
    )

    assert results[0].ok
    assert server.calls[0].json == {"text": "Call *&lt;!channel&gt; &amp; Co*: NPS 2"}


def test_requests_are_counted_as_they_are_sent() -> None:
    """What `cdp plan` estimates."""
    assert requests_for("http", {"url": "http://h/", "per": "row"}, 7) == 7
    assert requests_for("http", {"url": "http://h/", "batch_size": 3}, 7) == 3


def test_a_wrong_option_is_named_with_its_line(tmp_path: Path) -> None:
    """Before anything runs, all at once, in the file and line where it stands."""
    (tmp_path / "cdp.yml").write_text(
        "sources: [{name: crm, connector: files, tables: [{name: c, entity: contact, path: c.csv, key: [Id],"
        " columns: {email: E}}]}]\n"
        "destinations:\n"
        "  hook:\n"
        "    type: http\n"
        '    url: "${HOOK_URL}"\n'
        "    rate_limit: fast\n"
        "    remove:\n"
        "      metod: POST\n"
        "  fax: {type: fax}\n"
    )
    with pytest.raises(UsageError) as caught:
        load_company(tmp_path / "cdp.yml")
    unknown = str(caught.value)
    (tmp_path / "cdp.yml").write_text((tmp_path / "cdp.yml").read_text().replace("  fax: {type: fax}\n", ""))
    with pytest.raises(UsageError) as caught:
        load_company(tmp_path / "cdp.yml")

    assert "cdp.yml:9: destinations.fax.type: `fax` is unknown; types: file, " in unknown
    assert "cdp.yml:6: option `rate_limit`: a rate is written as 10/s" in str(caught.value)
    assert "cdp.yml:8: option `remove.metod` is unknown" in str(caught.value)


@pytest.mark.parametrize("per", ["row", "batch"])
@pytest.mark.parametrize(
    ("status", "known", "ok"),
    [(409, [409, 422], True), (422, [409, 422], True), (400, [409], False), (409, [], False)],
)
def test_a_receiver_may_say_that_it_has_the_key(
    server: Loopback, per: str, status: int, known: list[int], ok: bool
) -> None:
    """Such an answer ends the doubt, for a row or a whole batch; without the option, and with another status, it refuses."""
    server.answer = lambda call: (status, {}, {"error": "key in use"})
    results = send(server, upsert("a", n=1), upsert("b", n=2), per=per, duplicate_status=known)

    assert [result.ok for result in results] == [ok, ok]
    assert not any(result.is_skipped for result in results), "we wrote it, so it is ours"
