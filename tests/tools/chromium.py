"""A real headless Chromium, driven over its DevTools pipe: no browser library, no network.

`python -m tests.tools.chromium PAGE.html PICTURE.png` draws a page as wide as a laptop's window.
"""

from __future__ import annotations

import base64
import functools
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1200,1560",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)


@functools.cache
def find_or_install() -> tuple[str | None, str]:
    """Path of a browser, or None and why there is none; installs Debian's where that is allowed."""
    path = find()
    if path:
        return path, ""
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return None, "no Chromium, and it can be installed only as root on Debian or Ubuntu"
    for command in (["apt-get", "update"], ["apt-get", "install", "-y", "chromium"]):
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"},
        )
        if done.returncode:
            return None, f"`{' '.join(command)}` failed: {done.stderr.strip()[-200:]}"
    return find(), "the package chromium has no browser in it"


def find() -> str | None:
    """Path of a Chromium or Chrome, None without one."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Page:
    """One page in one browser with an empty profile, as a context manager.

    Attributes:
        problems: what went wrong on the page so far: console errors and warnings, exceptions,
            requests that failed.
        requests: addresses the page asked for.
    """

    def __init__(self, browser: str, profile: Path, timeout: float = 60) -> None:
        self.problems: list[str] = []
        self.requests: list[str] = []
        self._timeout = timeout
        self._number = 0
        self._rest = b""
        theirs_in, self._out = os.pipe()
        self._in, theirs_out = os.pipe()
        os.set_blocking(self._in, False)
        words = " ".join((*FLAGS, f"--user-data-dir='{profile}'"))
        self._process = subprocess.Popen(
            ["bash", "-c", f"exec '{browser}' {words} about:blank 3<&{theirs_in} 4>&{theirs_out}"],
            pass_fds=(theirs_in, theirs_out),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        os.close(theirs_in)
        os.close(theirs_out)
        targets = self.call("Target.getTargets", session=False)["targetInfos"]
        target = next(t["targetId"] for t in targets if t["type"] == "page")
        arguments = {"targetId": target, "flatten": True}
        self._session = self.call("Target.attachToTarget", arguments, session=False)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def __enter__(self) -> Page:
        return self

    def __exit__(self, *_: object) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        os.close(self._in)
        os.close(self._out)

    def open(self, url: str) -> None:
        """Go there and wait until the page says that it is drawn (body's data-ready)."""
        self.call("Page.navigate", {"url": url})
        deadline = time.monotonic() + self._timeout
        while self.evaluate("document.body?.dataset.ready") != "yes":
            if time.monotonic() > deadline:
                raise TimeoutError(f"the page was not drawn; problems: {self.problems}")
            time.sleep(0.05)

    def evaluate(self, script: str) -> Any:
        """The JSON value of a JavaScript expression on the page."""
        answer = self.call("Runtime.evaluate", {"expression": script, "returnByValue": True})
        if "exceptionDetails" in answer:
            raise RuntimeError(f"{script}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def resize(self, width: int, height: int = 1560) -> None:
        """Give the window another size, in CSS pixels; a narrow one is a telephone's."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.call("Emulation.setDeviceMetricsOverride", size)

    def screenshot(self, path: Path) -> None:
        """What a window shows of the page, as a PNG."""
        answer = self.call("Page.captureScreenshot")
        path.write_bytes(base64.b64decode(answer["data"]))

    def call(
        self, method: str, parameters: dict[str, Any] | None = None, session: bool = True
    ) -> dict[str, Any]:
        """Call a method of the DevTools protocol and wait for its answer."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters or {}}
        if session:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + self._timeout
        while True:
            answer = self._receive(deadline)
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]
            self._note(answer)

    def _receive(self, deadline: float) -> dict[str, Any]:
        while b"\0" not in self._rest:
            try:
                chunk = os.read(self._in, 1 << 20)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise TimeoutError("Chromium does not answer") from None
                time.sleep(0.005)
                continue
            if not chunk:
                raise RuntimeError(f"Chromium ended with code {self._process.wait()}")
            self._rest += chunk
        text, self._rest = self._rest.split(b"\0", 1)
        return json.loads(text)

    def _note(self, event: dict[str, Any]) -> None:
        kind, data = event.get("method"), event.get("params", {})
        if kind == "Runtime.exceptionThrown":
            self.problems.append(f"exception: {data['exceptionDetails']}")
        elif kind == "Runtime.consoleAPICalled" and data["type"] in ("error", "warning", "assert"):
            words = [str(a.get("value", a.get("description"))) for a in data["args"]]
            self.problems.append(f"console.{data['type']}: {' '.join(words)}")
        elif kind == "Log.entryAdded" and data["entry"]["level"] in ("error", "warning"):
            self.problems.append(f"log: {data['entry']['text']}")
        elif kind == "Network.loadingFailed":
            self.problems.append(f"request failed: {data['errorText']}")
        elif kind == "Network.requestWillBeSent":
            self.requests.append(data["request"]["url"])


def main(page: str, picture: str) -> None:
    """Draw a local page."""
    browser, reason = find_or_install()
    if browser is None:
        sys.exit(reason)
    with tempfile.TemporaryDirectory() as name, Page(browser, Path(name)) as tab:
        tab.open(Path(page).resolve().as_uri())
        tab.screenshot(Path(picture))


if __name__ == "__main__":
    main(*sys.argv[1:3])
