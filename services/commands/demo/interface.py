"""The running system as anybody outside sees it: its HTTP interface."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx

from shared.errors import HandoffError


class DemoFailed(HandoffError):
    """The demo cannot go on. The message says what failed and why."""


class Interface:
    """Asks over HTTP. Every answer but a success raises DemoFailed with the problem document's own words."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def get(self, path: str, **query: Any) -> Any:
        return (await self._ask("GET", path, params=query)).json()

    async def find(self, path: str, **query: Any) -> Any | None:
        """As `get`, but None for what is not there."""
        answer = await self._ask("GET", path, params=query, allowed=404)
        return None if answer.status_code == 404 else answer.json()

    async def post(self, path: str, body: object = None, *, token: str | None = None) -> Any:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return (await self._ask("POST", path, json=body, headers=headers)).json()

    async def post_form(self, path: str, fields: dict[str, str]) -> Any:
        return (await self._ask("POST", path, data=fields)).json()

    async def items(self, path: str, **query: Any) -> AsyncIterator[Any]:
        """The items of all pages of a list, or of a feed as far as it goes now."""
        page: dict[str, Any] = {"next": "", "items": [None]}
        while page["items"] and page["next"] is not None:
            cursor = {"cursor": page["next"]} if page["next"] else {}
            page = await self.get(path, limit=500, **query, **cursor)
            for item in page["items"]:
                yield item

    async def _ask(self, method: str, path: str, *, allowed: int = 200, **request: Any) -> httpx.Response:
        # A hook's address is a secret.
        shown = "/hooks/…" if path.startswith("/hooks/") else path
        try:
            answer = await self._client.request(method, path, **request)
        except httpx.HTTPError as error:
            raise DemoFailed(f"{method} {shown} got no answer ({type(error).__name__})") from error
        if answer.is_error and answer.status_code != allowed:
            raise DemoFailed(f"{method} {shown} answered {answer.status_code}: {_detail(answer)}")
        return answer


def _detail(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return answer.text[:200]
