"""A headless Chromium, driven by its DevTools protocol: what a person would see and press."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--hide-scrollbars", "--mute-audio"),
    *("--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-proxy-server"),
)


def found() -> str | None:
    """The program, if there is one."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


class Page:
    """One page."""

    def __init__(self, socket: Any) -> None:
        self.socket, self.number = socket, 0
        self.errors: list[str] = []

    def send(self, method: str, **params: Any) -> dict[str, Any]:
        self.number += 1
        self.socket.send(json.dumps({"id": self.number, "method": method, "params": params}))
        while True:
            said = json.loads(self.socket.recv(timeout=60))
            if said.get("method") == "Runtime.exceptionThrown":
                self.errors.append(said["params"]["exceptionDetails"]["text"])
            if said.get("id") == self.number:
                assert "error" not in said, said
                result: dict[str, Any] = said["result"]
                return result

    def run(self, script: str) -> Any:
        """The value of an expression."""
        return self.send("Runtime.evaluate", expression=script, returnByValue=True)["result"].get("value")

    def wait_for(self, script: str, seconds: float = 40.0) -> None:
        end = time.monotonic() + seconds
        while not self.run(script):
            assert time.monotonic() < end, f"{script} did not become true"
            time.sleep(0.2)

    def screenshot(self) -> bytes:
        """A PNG."""
        return base64.b64decode(self.send("Page.captureScreenshot", format="png")["data"])

    def key(self, name: str, code: int, place: str = "") -> None:
        """Press a key where the focus is. place: on the keyboard, by default named as the key."""
        for kind in ("keyDown", "keyUp"):
            self.send("Input.dispatchKeyEvent", type=kind, key=name, code=place or name, windowsVirtualKeyCode=code)


@contextmanager
def page(program: str, folder: Path, url: str, size: tuple[int, int] = (1280, 800)) -> Iterator[Page]:
    """A page that has been opened."""
    from websockets.sync.client import connect

    words = [program, *FLAGS, f"--user-data-dir={folder}", f"--window-size={size[0]},{size[1]}"]
    browser = subprocess.Popen(
        [*words, "--remote-debugging-port=0", "about:blank"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        port = _port(folder / "DevToolsActivePort")
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/json", timeout=30) as answer:
            target = next(t for t in json.load(answer) if t["type"] == "page")
        with connect(target["webSocketDebuggerUrl"], max_size=None, proxy=None) as socket:
            opened = Page(socket)
            opened.send("Runtime.enable")
            opened.send("Page.enable")
            opened.send("Page.navigate", url=url)
            yield opened
    finally:
        browser.terminate()
        browser.wait(20)


def _port(path: Path) -> int:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if path.exists() and (lines := path.read_text().split()):
            return int(lines[0])
        time.sleep(0.1)
    raise AssertionError("the browser did not start")
