"""An empty FastAPI endpoint in the set-up `nextbest serve` runs in: `python -m benchmarks._empty PORT`."""

from __future__ import annotations

import sys

import uvicorn
from fastapi import FastAPI

app = FastAPI()


@app.post("/v1/decisions")
async def empty() -> dict[str, bool]:
    """Read nothing, do nothing, answer."""
    return {"ok": True}


if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]), log_config=None, access_log=False, server_header=False)
