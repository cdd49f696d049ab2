"""Chromium, driven by playwright; axe, to look for what keeps people from using a page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import axe_playwright_python
from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = "/usr/bin/chromium"
SIZES = {"phone": (390, 844), "desk": (1280, 900)}
SCHEMES = ("light", "dark")
_AXE = Path(axe_playwright_python.__file__).parent / "axe.min.js"


@contextmanager
def running_browser() -> Iterator[Browser]:
    """Start a browser without a window."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def opened(
    browser: Browser, url: str, token: str, size: str = "phone", scheme: str = "dark", **options: Any
) -> Iterator[Page]:
    """Open the first page as somebody who has signed in; what the browser complains of fails the test."""
    width, height = SIZES[size]
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme, **options)
    complaints: list[str] = []
    page = context.new_page()
    page.on("console", lambda one: complaints.append(one.text) if one.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    try:
        page.goto(url)
        page.fill("#token", token)
        page.click("button")
        yield page
        # answers that say no are what some tests are about
        assert [one for one in complaints if "status of 4" not in one] == []
    finally:
        context.close()


@contextmanager
def opened_by_two(
    browser: Browser, url: str, tokens: Mapping[str, str], path: str, size: str = "phone"
) -> Iterator[tuple[Page, Page]]:
    """Open a page as ann and as bob. Nothing keeps his up to date: it shows what was true a moment ago."""
    with (
        opened(browser, url, tokens["ann"]) as first,
        opened(browser, url, tokens["bob"], size, java_script_enabled=False) as second,
    ):
        first.goto(url + path)
        second.goto(url + path)
        yield first, second


def violations(page: Page) -> list[Mapping[str, Any]]:
    """Return what axe finds on a page that is serious or critical."""
    # the page's own rules forbid scripts from elsewhere, so axe comes by the debugger's door
    page.evaluate(_AXE.read_text() + "; undefined")
    found: Mapping[str, Any] = page.evaluate("axe.run()")
    return [
        {"id": one["id"], "nodes": [node["html"][:200] for node in one["nodes"]]}
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
    ]
