"""A W&B server on this machine's loopback that says yes and remembers what it was sent."""

from __future__ import annotations

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "0" * 40  # the form of an API key, for nobody's account


class WandbServer:
    """Serves as a context manager.

    Attributes:
        operations: names of the GraphQL operations asked for, in order.
        rows: history rows of each run, by its id.
        summaries: last summary of each run, by its id.
        configs: configuration of each run, by its id.
        finished: ids of the runs that said they were complete.
        views: variables of the workspace views saved.
    """

    def __init__(self) -> None:
        self.operations: list[str] = []
        self.rows: dict[str, list[dict[str, Any]]] = {}
        self.summaries: dict[str, dict[str, Any]] = {}
        self.configs: dict[str, dict[str, Any]] = {}
        self.finished: set[str] = set()
        self.views: list[dict[str, Any]] = []
        self._lock = threading.Lock()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._http.serve_forever, daemon=True)

    @property
    def environment(self) -> dict[str, str]:
        """What points W&B here."""
        url = f"http://127.0.0.1:{self._http.server_port}"
        return {"WANDB_BASE_URL": url, "WANDB_API_KEY": KEY, "WANDB_ERROR_REPORTING": "false"}

    def __enter__(self) -> WandbServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def answer(self, query: str, variables: dict[str, Any]) -> dict[str, Any]:
        """The data of a GraphQL operation's response."""
        found = re.search(r"(?:query|mutation)\s+(\w+)", query)
        name = found[1] if found else ""
        with self._lock:
            self.operations.append(name)
        if name == "UpsertBucket":
            return {"upsertBucket": self._run(variables)}
        if name == "CreateRunFiles":
            return {"createRunFiles": {"runID": "run", "uploadHeaders": [], "files": []}}
        if name == "CreateArtifact":  # as if it were there already: nothing is uploaded
            artifact = {"id": "artifact", "state": "COMMITTED"}
            return {
                "createArtifact": {
                    "artifact": artifact
                    | {"artifactSequence": {"latestArtifact": {"id": "artifact"}}}
                }
            }
        if "view" in name.lower() and "upsert" in name.lower():
            self.views.append(variables)
            return {"upsertView": {"view": {"id": "view", "name": "view"}, "inserted": True}}
        user = {"id": "user", "entity": "somebody", "username": "somebody", "flags": "{}"}
        return {
            "viewer": user | {"teams": {"edges": []}},
            "serverInfo": None,
            "model": None,
            "project": None,
        }

    def stream(self, run_id: str, body: dict[str, Any]) -> None:
        """Keep what a run's file stream sends."""
        with self._lock:
            for name, part in body.get("files", {}).items():
                lines = [json.loads(line) for line in part["content"]]
                if name == "wandb-history.jsonl":
                    self.rows.setdefault(run_id, []).extend(lines)
                elif name == "wandb-summary.json":
                    self.summaries[run_id] = lines[-1]
            if body.get("complete"):
                self.finished.add(run_id)

    def _run(self, variables: dict[str, Any]) -> dict[str, Any]:
        run_id = variables["name"]
        if variables.get("config"):
            self.configs[run_id] = json.loads(variables["config"])
        project = {"name": variables.get("project"), "entity": {"name": "somebody"}}
        return {
            "bucket": {
                "id": run_id,
                "name": run_id,
                "displayName": variables.get("displayName") or run_id,
                "description": None,
                "config": None,
                "sweepName": None,
                "project": {"id": "project"} | project,
                "historyLineCount": 0,
            },
            "inserted": True,
        }


def _handler(server: WandbServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")
            if self.path.startswith("/graphql"):
                answer = {"data": server.answer(body["query"], body.get("variables") or {})}
            else:
                server.stream(self.path.split("/")[-2], body)
                answer = {}
            self._send(answer)

        def do_GET(self) -> None:
            self._send({})

        def do_PUT(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self._send({})

        def _send(self, answer: dict[str, Any]) -> None:
            data = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    return Handler
