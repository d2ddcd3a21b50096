"""The service with one bare FastAPI call beside it: `python -m benchmarks.bare DATABASE_URL`."""

import socket
import sys
from typing import Any

import uvicorn
from pydantic import BaseModel

from api.app import create_app
from api.settings import Settings


class Bare(BaseModel):
    """A body like that of a proposal."""

    type: str
    phase_id: str | None = None
    attempt: int | None = None
    data: dict[str, Any] = {}


def main() -> None:
    """Serve on a free port, and print the address."""
    app = create_app(Settings(database_url=sys.argv[1]))

    @app.post("/bare")
    async def bare(body: Bare) -> Bare:
        return body

    listening = socket.create_server(("127.0.0.1", 0))
    sys.stdout.write(f"http://127.0.0.1:{listening.getsockname()[1]}\n")
    sys.stdout.flush()
    uvicorn.Server(uvicorn.Config(app, access_log=False, log_level="warning")).run(sockets=[listening])


main()
