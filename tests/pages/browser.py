"""A headless Chromium that tests look at pages with, driven through its own DevTools protocol."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs

# the protocol's pipes in the browser: it reads from 3 and writes to 4
PIPES = 'exec "$@" 3<&$IN 4>&$OUT'
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
PATIENCE = 60.0


def installed() -> str | None:
    """Return the path of a browser, or None where none is installed."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


@attrs.define
class Browser:
    """One tab. events: what the page has told so far: requests, errors, what it logged."""

    into: int
    out: int
    session: str = ""
    events: list[dict[str, Any]] = attrs.field(factory=list)
    _number: int = 0
    _buffer: bytes = b""

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method of the protocol; return its result."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.into, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer["error"]
                result: dict[str, Any] = answer["result"]
                return result
            self.events.append(answer)

    def open(self, page: Path | str, *, width: int = 1400, height: int = 900, dark: bool = False) -> None:
        """Open a page and wait until its ethogram, if it has one, is drawn."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        self.dark(dark)
        self.events.clear()
        self.call("Page.navigate", url=page if isinstance(page, str) else page.resolve().as_uri())
        self.wait("document.readyState === 'complete'")
        self.wait(
            "!document.getElementById('ethogram-plot') || document.querySelector('#ethogram-plot[data-shown] svg')"
        )

    def dark(self, wanted: bool) -> None:
        """Say which of light and dark the person prefers."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if wanted else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])

    def value(self, expression: str) -> Any:
        """Return the value of a JavaScript expression in the page; of a promise what it becomes."""
        done = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in done, done["exceptionDetails"]
        return done["result"].get("value")

    def wait(self, expression: str) -> None:
        """Wait until an expression is true in the page."""
        end = time.monotonic() + PATIENCE
        while not self.value(f"Boolean({expression})"):
            assert time.monotonic() < end, f"never: {expression}"
            time.sleep(0.05)

    def faults(self) -> list[str]:
        """Return what the page complained of: errors, warnings, what its policy refused."""
        self.value("new Promise((done) => setTimeout(done, 100))")
        told = []
        for event in self.events:
            given = event.get("params", {})
            if event.get("method") == "Runtime.exceptionThrown":
                told.append(str(given["exceptionDetails"]))
            elif event.get("method") == "Log.entryAdded" and given["entry"]["level"] != "info":
                told.append(given["entry"]["text"])
            elif event.get("method") == "Runtime.consoleAPICalled" and given["type"] in ("error", "warning"):
                told.append(str([argument.get("value") for argument in given["args"]]))
        return told

    def requests(self) -> list[str]:
        """Return the addresses that the page asked for, itself among them."""
        sent = [
            event["params"] for event in self.events if event.get("method") == "Network.requestWillBeSent"
        ]
        return [each["request"]["url"] for each in sent]

    def picture(self, file: Path, *, first: str = "body", last: str = "body") -> None:
        """Write a PNG of the page, or of the part from one element, by its selector, to the end of another."""
        box = "document.querySelector('{}').getBoundingClientRect()"
        top = self.value(f"Math.floor({box.format(first)}.top + scrollY)")
        bottom = self.value(f"Math.ceil({box.format(last)}.bottom + scrollY)")
        width = self.value("document.documentElement.clientWidth")
        clip = {"x": 0, "y": top, "width": width, "height": bottom - top, "scale": 1}
        shot = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)
        file.write_bytes(base64.b64decode(shot["data"]))

    def paper(self, file: Path) -> None:
        """Write the page as a PDF, as it is printed."""
        self.wait("!document.querySelector('[data-paper]') || document.body.dataset.ready")
        shot = self.call("Page.printToPDF", preferCSSPageSize=True, printBackground=False)
        file.write_bytes(base64.b64decode(shot["data"]))

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self.out], [], [], PATIENCE)
            assert ready, "the browser does not answer"
            block = os.read(self.out, 1 << 20)
            assert block, "the browser is gone"
            self._buffer += block
        message, _, self._buffer = self._buffer.partition(b"\0")
        answer: dict[str, Any] = json.loads(message)
        return answer


@contextlib.contextmanager
def browser(folder: Path) -> Iterator[Browser]:
    """Start a browser with an empty profile in a folder, and a tab in it."""
    program = installed()
    assert program is not None
    theirs_in, into = os.pipe()
    out, theirs_out = os.pipe()
    options = (
        "--headless=new --no-sandbox --disable-gpu --remote-debugging-pipe --no-first-run --hide-scrollbars"
    )
    words = [program, *options.split(), "--disable-dev-shm-usage", f"--user-data-dir={folder}"]
    process = subprocess.Popen(
        ["bash", "-c", PIPES, "bash", *words],
        env={**os.environ, "IN": str(theirs_in), "OUT": str(theirs_out)},
        pass_fds=(theirs_in, theirs_out),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(theirs_in)
    os.close(theirs_out)
    try:
        made = Browser(into, out)
        target = made.call("Target.createTarget", url="about:blank")["targetId"]
        made.session = made.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            made.call(f"{domain}.enable")
        yield made
    finally:
        process.terminate()
        process.wait(timeout=20)
        os.close(into)
        os.close(out)
