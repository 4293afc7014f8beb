"""`demo`: the whole system on this machine, fed through its HTTP interface with the leads of deploy/demo."""

from __future__ import annotations

from services.commands.demo.command import demo

__all__ = ["demo"]
