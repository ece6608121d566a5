"""Call Tonescope as a tool over MCP, as an assistant does: put a run in the queue, look how far it is, read its result;
Ctrl-C stops it.

tonescope ui --no-open --mcp
pip install "mcp<2"
python examples/clients/mcp_client.py "lo-fi beats with accordion" http://127.0.0.1:7860/
"""

from __future__ import annotations

import ast
import asyncio
import sys
from typing import Any

from mcp import ClientSession
from mcp.client.streamable_http import streamablehttp_client

PROMPT, ADDRESS = "lo-fi beats with accordion", "http://127.0.0.1:7860/"
EVERY = 1.0  # seconds between two looks


async def called(session: ClientSession, tool: str, **given: Any) -> dict[str, Any]:
    """What a tool answers: gradio writes it as Python does."""
    answer = await session.call_tool(tool, given)
    text = getattr(answer.content[0], "text", "")
    if answer.isError:
        raise SystemExit(text)
    read: dict[str, Any] = ast.literal_eval(text)
    return read


async def main(address: str, prompt: str, **settings: Any) -> dict[str, Any]:
    """Print how far it is and the verdict; give all that was found; ``settings`` are those of ``diagnose``."""
    async with (
        streamablehttp_client(f"{address}gradio_api/mcp/") as (read, write, _),
        ClientSession(read, write) as session,
    ):
        await session.initialize()
        run = await called(session, "submit", job="diagnose", parameters={"prompt": prompt, "quick": True} | settings)
        try:
            while run["state"] in ("queued", "running"):
                print(f"{run['share']:4.0%} {run['state']} {run['stage']}")
                await asyncio.sleep(EVERY)
                run = await called(session, "status", run=run["run"])
        except (asyncio.CancelledError, KeyboardInterrupt):
            stopped = await called(session, "cancel", run=run["run"])
            print(f"\n{stopped['told']}")
            raise
        found = await called(session, "result", run=run["run"])
        print(found["problem"] or found["sentence"])
        return found


if __name__ == "__main__":
    prompt, address = [*sys.argv[1:], *(PROMPT, ADDRESS)[len(sys.argv) - 1 :]]
    asyncio.run(main(address, prompt))
