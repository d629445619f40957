"""How a message leaves: HTTP POST (webhook, Slack) or SMTP. An error comes back as a word that names no address and no secret."""

import smtplib
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from email.message import EmailMessage
from typing import Any

from cli import reach
from cli.config import secret
from cli.config_operations import AlertChannel
from cli.reach import Seen
from pipelines.errors import CdpError

TIMEOUT_SECONDS = 10
ATTEMPTS, PAUSE_SECONDS = 2, 1.0


@dataclass(frozen=True)
class Message:
    """What a channel is told; `changes` have condition, before, now, detail."""

    company: str
    run_id: str
    exit_code: int
    at: str
    changes: list[dict[str, str]]

    @property
    def subject(self) -> str:
        """One line: what is wrong, or that it is well again."""
        bad = [one for one in self.changes if one["now"] != "ok"]
        what = ", ".join(f"{one['condition']} {one['now']}" for one in bad[:3]) or "recovered"
        return f"[cdp {self.company}] {what}".replace("\n", " ")

    @property
    def text(self) -> str:
        """For people."""
        lines = [
            f"- {one['condition']}: {one['before']} -> {one['now']}"
            + (f" ({one['detail']})" if one["detail"] else "")
            for one in self.changes
        ]
        return "\n".join(
            [self.subject, *lines, f"run {self.run_id}; `cdp runs show {self.run_id}` says more"]
        )


def send(channel: AlertChannel, message: Message) -> str | None:
    """Deliver a message; None when it arrived, else what went wrong."""
    try:
        return _mail(channel, message) if channel.type == "email" else _post(channel, message)
    except CdpError as error:
        return str(error).split(",")[0]  # a variable that is not set: its name is no secret
    except Exception as error:
        return type(error).__name__


def _post(channel: AlertChannel, message: Message) -> str | None:
    import httpx

    url = secret(channel.url or "", f"alerts.{channel.name}.url")
    headers = {
        name: secret(value, f"alerts.{channel.name}.headers.{name}")
        for name, value in channel.headers.items()
    }
    body: dict[str, Any] = (
        {"text": message.text} if channel.type == "slack" else asdict(message) | {"text": message.text}
    )
    error: str | None = None
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(PAUSE_SECONDS)
        try:
            answer = httpx.post(
                url, json=body, headers=headers, timeout=TIMEOUT_SECONDS, follow_redirects=False
            )
        except httpx.HTTPError as silence:
            error = type(silence).__name__
            continue
        if answer.is_success:
            return None
        error = f"HTTP {answer.status_code}"
        if answer.status_code < 500 and answer.status_code != 429:
            break
    return error


def check(channel: AlertChannel) -> Seen:
    """Whether the channel can be reached: mail logs in, a webhook is connected to; no message is sent."""
    if channel.type != "email":
        return reach.address(secret(channel.url or "", f"alerts.{channel.name}.url"))
    try:
        with _server(channel, reach.SECONDS) as server:
            code, _ = server.noop()
    except smtplib.SMTPAuthenticationError:
        return Seen("refused", "the user or its password is refused")
    except ssl.SSLCertVerificationError as error:
        return Seen("wrong", f"its certificate is not valid ({error.verify_message})")
    except (smtplib.SMTPException, OSError) as error:
        return Seen("silent", f"no connection ({type(error).__name__})")
    return Seen("ok", f"takes {'the login' if channel.user else 'connections'} (SMTP {code})")


def _mail(channel: AlertChannel, message: Message) -> str | None:
    mail = EmailMessage()
    mail["Subject"], mail["From"], mail["To"] = message.subject, channel.sender, ", ".join(channel.to)
    mail.set_content(message.text)
    with _server(channel, TIMEOUT_SECONDS) as server:
        refused = server.send_message(mail)
    return "some addresses were refused" if refused else None


@contextmanager
def _server(channel: AlertChannel, seconds: float) -> Iterator[smtplib.SMTP]:
    """A connection to the mail server, encrypted and logged in as the channel says."""
    host = secret(channel.host or "", f"alerts.{channel.name}.host")
    context = ssl.create_default_context()
    if channel.tls == "tls":
        server: smtplib.SMTP = smtplib.SMTP_SSL(host, channel.port, timeout=seconds, context=context)
    else:
        server = smtplib.SMTP(host, channel.port, timeout=seconds)
    with server:
        if channel.tls == "starttls":
            server.starttls(context=context)
        if channel.user:
            user, word = (
                secret(one or "", f"alerts.{channel.name}") for one in (channel.user, channel.password)
            )
            server.login(user, word)
        yield server
