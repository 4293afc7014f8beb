"""CPU and memory of process trees: what a lead costs, and who else was using the machine meanwhile."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import asyncpg
import psutil


def cpu_seconds(root: int) -> float:
    """User and system seconds of a process and all its descendants, those that ended and were waited for among them."""
    total = 0.0
    for process in tree(root):
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system + times.children_user + times.children_system
    return total


def resident_mib(root: int) -> float:
    """Resident memory of a process and its descendants in MiB; pages they share are counted once for each."""
    total = 0
    for process in tree(root):
        try:
            total += process.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return round(total / 2**20, 1)


def tree(root: int) -> list[psutil.Process]:
    """The process and its live descendants; empty when it is gone."""
    try:
        process = psutil.Process(root)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def listener(port: int) -> int | None:
    """The process that listens on a local TCP port, if we may see it."""
    for connection in psutil.net_connections("tcp"):
        if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port:
            return connection.pid
    return None


async def postmaster(connection: asyncpg.Connection[Any]) -> int | None:
    """The root process of the server behind a connection; None when it does not run on this machine."""
    backend = await connection.fetchval("SELECT pg_backend_pid()")
    try:
        process = psutil.Process(backend)
        return int(process.ppid()) if "postgres" in process.name() else None
    except psutil.NoSuchProcess:
        return None


@dataclass(frozen=True)
class Usage:
    """CPU seconds used so far: by each named tree, by the whole machine, and stolen by its host."""

    trees: Mapping[str, float]
    machine: float
    stolen: float

    @classmethod
    def of(cls, roots: Mapping[str, int]) -> Usage:
        """Reads the named trees and, as "benchmark", this very process without its children."""
        own = psutil.Process(os.getpid()).cpu_times()
        trees = {name: cpu_seconds(pid) for name, pid in roots.items()} | {"benchmark": own.user + own.system}
        whole = psutil.cpu_times()
        busy = whole.user + whole.nice + whole.system + whole.irq + whole.softirq
        return cls(trees, busy, whole.steal)

    def since(self, before: Usage) -> Usage:
        trees = {name: seconds - before.trees.get(name, 0.0) for name, seconds in self.trees.items()}
        return Usage(trees, self.machine - before.machine, self.stolen - before.stolen)

    def foreign(self, generator: float) -> float:
        """CPU seconds that none of ours used: what else ran on the machine, `generator` being the load generator's."""
        return max(0.0, self.machine - sum(self.trees.values()) - generator)
