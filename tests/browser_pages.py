"""Pages as a browser without a screen lays them out, in frames as wide as asked."""

import html
import json
import re
import shutil
import subprocess

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")


def found_browser():
    """Returns the path of a browser; skips the test where there is none."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip(f"None of {', '.join(NAMES)} is installed.")
    return found


def measured(browser, pages, widths, script, folder):
    """Returns what `measure(frame)` of a script returns, page by page and by width.

    A window has 500 pixels at least; a frame inside it is as narrow as asked.

    Args:
        browser: Path of the browser.
        pages: Paths of HTML files.
        widths: Integers, pixels of a frame.
        script: JavaScript with a function `measure(frame)` that returns an object.
        folder: Path of an empty folder to work in.
    """
    sources = []
    for page in pages:
        text = page.read_text(encoding="utf-8")
        base = f'<base href="{page.resolve().as_uri()}">'
        sources.append(html.escape(text.replace("<head>", f"<head>{base}", 1)))
    frames = [
        f'<iframe style="border:0;height:900px;width:{width}px" srcdoc="{source}">'
        "</iframe>"
        for source in sources
        for width in widths
    ]
    wrapper = folder / "wrapper.html"
    wrapper.write_text(
        f'<!DOCTYPE html><meta charset="utf-8"><pre id="found"></pre>{"".join(frames)}'
        f"<script>{script}\nwindow.onload = () => {{"
        "const found = [...document.querySelectorAll('iframe')].map(measure);"
        "document.getElementById('found').textContent = JSON.stringify(found);};"
        "</script>",
        encoding="utf-8",
    )
    command = [browser, f"--user-data-dir={folder / 'profile'}", "--headless"]
    command += ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
    command += ["--disable-background-networking", "--disable-component-update"]
    command += ["--allow-file-access-from-files", "--disable-sync"]
    command += ["--dump-dom", wrapper.as_uri()]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120)
    found = re.search(r'<pre id="found">(.+?)</pre>', run.stdout, re.DOTALL)
    assert found, run.stderr[-2000:]
    return json.loads(html.unescape(found[1]))
