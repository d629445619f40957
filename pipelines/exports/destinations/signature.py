"""Signatures of requests by Standard Webhooks 1.0 (https://www.standardwebhooks.com, spec/standard-webhooks.md)."""

import base64
import binascii
import hashlib
import hmac

PREFIX = "whsec_"


def secret_problem(secrets: str) -> str | None:
    """Why these secrets cannot sign; None: they can. Several, apart by blanks, sign during a rotation."""
    try:
        keys = [_key(secret) for secret in secrets.split()]
    except (ValueError, binascii.Error):
        return f"must be {PREFIX} and base64"
    return None if keys and all(keys) else f"must be {PREFIX} and base64"


def signed_headers(secrets: str, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The three headers: HMAC-SHA256 over id.timestamp.body, one signature a secret."""
    content = b".".join([message_id.encode(), str(timestamp).encode(), body])
    signatures = [
        "v1," + base64.b64encode(hmac.new(_key(secret), content, hashlib.sha256).digest()).decode()
        for secret in secrets.split()
    ]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signatures),
    }


def _key(secret: str) -> bytes:
    return base64.b64decode(secret.removeprefix(PREFIX), validate=True)
