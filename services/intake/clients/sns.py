"""AWS SNS: the certificates that its messages are signed with, and the confirmation of a subscription.

Both addresses come from the message itself, so nothing of them is believed that does not have the form of SNS's own.
"""

from __future__ import annotations

import re

from services.intake.clients.web import Web, checked
from shared.errors import Permanent

_HOST = r"(sns\.[a-z0-9-]{1,40}\.amazonaws\.com(?:\.cn)?)"
CERTIFICATE = re.compile(rf"https://{_HOST}(/[A-Za-z0-9_-]{{1,200}}\.pem)")
SUBSCRIBE = re.compile(rf"https://{_HOST}/\?([A-Za-z0-9_.:/%&=+~-]{{1,2000}})")
LIMIT = 16 * 1024  # bytes of a certificate


async def certificate(web: Web, url: str) -> str:
    """The certificate at this address, as PEM; read once, for a new one has a new address. Raises Permanent for an address not of SNS."""
    place = CERTIFICATE.fullmatch(url)
    if place is None:
        raise Permanent("the certificate's address is none of SNS")
    host, path = place.groups()

    async def read() -> str:
        body = checked(await web.get(host, path, limit=LIMIT)).body
        if not body.lstrip().startswith(b"-----BEGIN CERTIFICATE-----"):
            raise Permanent(f"{host} answered with no certificate")
        return body.decode("ascii", "replace")

    return await web.keep((host, path), read)


async def confirm(web: Web, url: str) -> None:
    """Confirms a subscription by reading the address that SNS sent for it. Raises Permanent for an address not of SNS."""
    place = SUBSCRIBE.fullmatch(url)
    if place is None or "Action=ConfirmSubscription" not in place[2].split("&"):
        raise Permanent("the address to confirm the subscription is none of SNS")
    checked(await web.get(place[1], "/", query=place[2]))
