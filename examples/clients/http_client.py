"""Ask a running Tonescope over HTTP, follow how far it is, and stop it with Ctrl-C.

tonescope ui --no-open
pip install gradio_client
python examples/clients/http_client.py "lo-fi beats with accordion" http://127.0.0.1:7860/
"""

from __future__ import annotations

import sys
from typing import Any

from gradio_client import Client

PROMPT, ADDRESS = "lo-fi beats with accordion", "http://127.0.0.1:7860/"


def main(address: str, prompt: str, **settings: Any) -> dict[str, Any]:
    """Print each stage and the verdict; give all that was found; ``settings`` are those of ``diagnose``."""
    client = Client(address, verbose=False)
    job = client.submit(prompt=prompt, **({"quick": True} | settings), api_name="/diagnose")
    told: dict[str, Any] = {}
    line = ""
    try:
        for told in job:
            if line != (line := f"{told['share']:4.0%} {told['state']} {told['stage']}"):
                print(line)
    except KeyboardInterrupt:
        job.cancel()  # the run ends; what was found until then is kept under its address
        raise
    print(told["problem"] or told["sentence"])
    print(f"It can be seen at {address.rstrip('/')}{told['address']}")
    return told


if __name__ == "__main__":
    prompt, address = [*sys.argv[1:], *(PROMPT, ADDRESS)[len(sys.argv) - 1 :]]
    main(address, prompt)
