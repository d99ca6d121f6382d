"""The memory of bodies that arrive together, in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.conftest import linux

ROOT = Path(__file__).resolve().parents[2]

PROGRAM = """
import asyncio
from pathlib import Path
from visavis.server.bodies import Bodies
from visavis.server.config import ServerConfig

PART, PARTS, MANY = 65536, 200, 16

async def receive():
    await asyncio.sleep(0)  # so that the parts of all bodies alternate
    receive.count += 1
    return {"type": "http.request", "body": bytes([receive.count % 256]) * PART, "more_body": True}

async def one(bodies):
    left = PARTS
    async def some():
        nonlocal left
        left -= 1
        return {**await receive(), "more_body": left > 0}
    with bodies.open() as body:
        data = await body.read(some)
        await asyncio.sleep(0.1)  # it waits for a worker
    return len(data)

def peak():
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024

async def main():
    bodies = Bodies(ServerConfig())
    before = peak()
    for _ in range(2):
        assert set(await asyncio.gather(*(one(bodies) for _ in range(MANY)))) == {PART * PARTS}
    print((peak() - before) / (PART * PARTS * MANY))

receive.count = 0
asyncio.run(main())
"""


@linux  # reads /proc
def test_bodies_that_arrive_together_take_little_more_than_their_bytes() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert float(done.stdout) < 1.75, done.stdout  # 1.4 to 1.5; 2.0 when parts are kept in a list until the end
