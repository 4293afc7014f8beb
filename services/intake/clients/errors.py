"""How a call to a sender fails, beside Transient (the world: try again) and Permanent (this call can never work)."""

from __future__ import annotations

from shared.errors import Permanent, Transient


class Throttled(Transient):
    """The sender asks us to call less often: nothing of this source before `retry_after` seconds."""


class Denied(Permanent):
    """A person must act: the token is no longer valid, or a permission is missing. Try again slowly."""


class Unset(Denied):
    """A person must act here: the source lacks a secret or a setting, or has one that cannot be used. The sender was not asked."""


class Gone(Permanent):
    """There is no such thing at the sender: deleted, not there yet, or hidden from this token. Some senders do not say which."""
