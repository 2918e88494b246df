"""A stand-in for the interface of the Hugging Face Hub on 127.0.0.1: repositories as dicts of files in memory."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

Files = dict[str, bytes]


class Hub:
    """What it holds, and what it was asked."""

    def __init__(self) -> None:
        self.repos: dict[str, Files] = {}
        self.private: dict[str, bool] = {}
        self.fetched: list[str] = []
        self.url = ""

    def commit(self, repo: str) -> str:
        """The name of the present state."""
        content = repr(sorted((name, hashlib.sha1(c).hexdigest()) for name, c in self.repos[repo].items()))
        return hashlib.sha1(content.encode()).hexdigest()


class Handler(BaseHTTPRequestHandler):
    hub: Hub

    def log_message(self, format: str, *args: Any) -> None: ...

    def _send(self, content: bytes, code: int = 200, **headers: str) -> None:
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _json(self, answer: Any, code: int = 200, **headers: str) -> None:
        self._send(json.dumps(answer).encode(), code, Content_Type="application/json", **headers)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        words = urlsplit(self.path).path.strip("/").split("/")
        if words[:2] == ["api", "repos"]:
            asked = json.loads(body)
            repo = f"{asked['organization']}/{asked['name']}" if asked.get("organization") else asked["name"]
            self.hub.repos.setdefault(repo, {})
            self.hub.private[repo] = "private" in (asked.get("visibility"), asked.get("private") and "private")
            self._json({"url": f"{self.hub.url}/{repo}", "name": repo})
        elif words[:2] == ["api", "validate-yaml"]:
            self._json({"errors": [], "warnings": []})
        elif "preupload" in words:
            files = [
                {"path": f["path"], "uploadMode": "regular", "shouldIgnore": False} for f in json.loads(body)["files"]
            ]
            self._json({"files": files, "commitOid": "0" * 40})
        elif "commit" in words:
            repo = "/".join(words[2:4])
            for line in body.decode().splitlines():
                entry = json.loads(line)
                if entry["key"] == "file":
                    self.hub.repos[repo][entry["value"]["path"]] = base64.b64decode(entry["value"]["content"])
                elif entry["key"] == "deletedFile":
                    del self.hub.repos[repo][entry["value"]["path"]]
            commit = self.hub.commit(repo)
            self._json({"commitUrl": f"{self.hub.url}/{repo}/commit/{commit}", "commitOid": commit, "hookOutput": ""})
        else:
            self._json({"error": "unknown"}, 404)

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path).strip("/")
        words = path.split("/")
        repo = "/".join(words[2:4]) if words[0] == "api" else "/".join(words[:2])
        if repo not in self.hub.repos:
            self._json({"error": "Repository not found"}, 404, X_Error_Code="RepoNotFound")
        elif words[0] == "api":
            names = sorted(self.hub.repos[repo])
            if "tree" in words:
                files = self.hub.repos[repo]
                self._json([{"type": "file", "path": n, "size": len(files[n]), "oid": "0" * 40} for n in names])
                return
            siblings = [{"rfilename": name} for name in names]
            self._json({"id": repo, "modelId": repo, "sha": self.hub.commit(repo), "siblings": siblings, "tags": []})
        else:
            name = "/".join(words[4:])  # user, name, resolve, revision
            content = self.hub.repos[repo].get(name)
            if content is None:
                self._json({"error": "Entry not found"}, 404, X_Error_Code="EntryNotFound")
                return
            if self.command == "GET":
                self.hub.fetched.append(name)
            self._send(content, ETag=f'"{hashlib.sha1(content).hexdigest()}"', X_Repo_Commit=self.hub.commit(repo))


@contextmanager
def serving() -> Iterator[Hub]:
    """A hub that can be asked."""
    hub = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"hub": hub}))
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
