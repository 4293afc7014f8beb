"""The floor of every HTTP figure: a FastAPI application that does nothing, served by one uvicorn worker."""

from __future__ import annotations

from fastapi import FastAPI

app = FastAPI()


@app.post("/v1/leads")
async def hello() -> dict[str, str]:
    return {"hello": "world"}
