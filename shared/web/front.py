"""One port for several services: the usual way on one machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote

from fastapi import FastAPI, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from shared.web.responses import json_response


class Front:
    """Several services on one port: each owns its first nouns; /readyz, /healthz, /metrics and /openapi.json are merged."""

    def __init__(
        self,
        apps: Mapping[str, FastAPI],
        guards: Mapping[str, ASGIApp],
        owns: Mapping[str, Sequence[str]],
        *,
        exact: Mapping[str, str],
    ) -> None:
        self._apps = apps
        self._guards = guards
        self._exact = exact  # "POST /v1/leads" → service: the one address that does not follow its noun
        self._prefixes = [(prefix, name) for name, prefixes in owns.items() for prefix in (*prefixes, f"/{name}")]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        merged = {"/readyz": self._readyz, "/openapi.json": self._openapi}.get(scope["path"])
        if merged is not None and scope["method"] == "GET":
            await merged()(scope, receive, send)
            return
        await self._guards[self.owner(scope["method"], unquote(scope["path"]))](scope, receive, send)

    def owner(self, method: str, path: str) -> str:
        """Which service answers; for a path that nobody owns, any (it knows how to say 404)."""
        if name := self._exact.get(f"{method} {path}"):
            return name
        for prefix, name in self._prefixes:
            if path == prefix or path.startswith(prefix + "/"):
                return name
        return next(iter(self._apps))

    def _readyz(self) -> Response:
        faults = {name: found for name, app in self._apps.items() if (found := app.state.health.faults())}
        return json_response({"status": "not ready", "faults": faults} if faults else {"status": "ready"}, 503 if faults else 200)

    def _openapi(self) -> Response:
        merged: dict[str, Any] = {}
        for app in self._apps.values():
            document = app.openapi()
            if not merged:
                merged = {
                    **document,
                    "info": {**document["info"], "title": "Handoff"},
                    "paths": {},
                    "components": {"schemas": {}},
                }
            for path, methods in document["paths"].items():
                merged["paths"].setdefault(path, {}).update(methods)
            merged["components"]["schemas"] |= document.get("components", {}).get("schemas", {})
        return json_response(merged)
