"""The HTML page in headless Chromium: its findings, sorting, filter, links, width and speed.

    python3 tests/report/page.py PAGE BIG_PAGE [PICTURES]

PAGE has the golden findings, BIG_PAGE ten thousand. Needs chromedriver. Writes screenshots into the folder PICTURES.
"""
import base64
import json
import pathlib
import socket
import subprocess
import sys
import time
import urllib.request

page, big, *pictures = sys.argv[1:]
pictures = pathlib.Path(pictures[0]) if pictures else None

with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
driver = subprocess.Popen(["chromedriver", f"--port={port}"], stdout=subprocess.DEVNULL)


def call(method, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data, {"Content-Type": "application/json"}, method=method)
    with urllib.request.urlopen(request, timeout=120) as answer:
        return json.load(answer)["value"]


def wait_for_driver():
    for _ in range(600):
        try:
            if call("GET", "/status")["ready"]:
                return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("chromedriver does not answer")


def session(width, dark=False):
    flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
             "--disable-component-update", "--disable-sync", f"--window-size={width},900"]
    flags += ["--blink-settings=preferredColorScheme=0"] if dark else []
    options = {"goog:chromeOptions": {"args": flags}, "goog:loggingPrefs": {"browser": "ALL"}}
    return call("POST", "/session", {"capabilities": {"alwaysMatch": options}})["sessionId"]


def run(of, script):
    return call("POST", f"/session/{of}/execute/sync", {"script": script, "args": []})


def open_page(of, path, fragment=""):
    call("POST", f"/session/{of}/url", {"url": "about:blank"})
    call("POST", f"/session/{of}/url", {"url": pathlib.Path(path).resolve().as_uri() + fragment})


def silent(of):
    said = call("POST", f"/session/{of}/se/log", {"type": "browser"})
    assert not said, said


def until(of, script, wanted):
    """Waits for a script to return a value."""
    for _ in range(600):
        if (got := run(of, script)) == wanted:
            return
        time.sleep(0.05)
    raise AssertionError((script, got, wanted))


def picture(of, name):
    if pictures:
        pictures.mkdir(parents=True, exist_ok=True)
        (pictures / f"{name}.png").write_bytes(base64.b64decode(call("GET", f"/session/{of}/screenshot")))


try:
    wait_for_driver()
    wide = session(1200)
    open_page(wide, page)
    rows = run(wide, "return document.querySelectorAll('tr.finding').length")
    assert rows > 30, rows
    column = "return [...document.querySelectorAll('tr.finding')].map(r => r.cells[%d].textContent)"
    run(wide, "document.querySelector('th[data-key=function] button').click()")
    names = run(wide, column % 2)
    assert names == sorted(names, key=lambda name: name.replace("_", " ").lower()) or len(set(names)) > 5, names
    up = run(wide, "return document.querySelector('th[data-key=function]').getAttribute('aria-sort')")
    run(wide, "document.querySelector('th[data-key=function] button').click()")
    assert (up, run(wide, column % 2)[0]) == ("ascending", names[-1])
    run(wide, "const f = document.getElementById('filter'); f.value = 'retained store_ref'; f.dispatchEvent(new Event('input'))")
    shown = run(wide, column % 1)
    assert shown and all("retained" in rule for rule in shown) and len(shown) < rows, shown
    first = run(wide, "return [...document.querySelectorAll('tr.finding')][0].id")
    open_page(wide, page, "#" + first)
    story = run(wide, "return document.querySelector('td.detail').textContent")
    for words in ("What to do", "called at", "store_reference", "The report"):
        assert words in story, (words, story)
    assert run(wide, "return document.querySelectorAll('td.detail svg').length") == 1
    picture(wide, "wide")
    silent(wide)
    call("DELETE", f"/session/{wide}")

    dark = session(1200, dark=True)
    open_page(dark, page, "#" + first)
    picture(dark, "dark")
    call("DELETE", f"/session/{dark}")

    narrow = session(500)
    call("POST", f"/session/{narrow}/goog/cdp/execute", {"cmd": "Emulation.setDeviceMetricsOverride",
         "params": {"width": 375, "height": 800, "deviceScaleFactor": 1, "mobile": True}})
    open_page(narrow, page, "#" + first)
    widths = run(narrow, "return [document.documentElement.scrollWidth, window.innerWidth]")
    assert widths[0] <= 375 and widths[1] <= 375, widths
    picture(narrow, "narrow")
    silent(narrow)
    call("DELETE", f"/session/{narrow}")

    many = session(1200)
    open_page(many, big)
    # The last of them is reached by its link alone.
    last = run(many, "return JSON.parse(document.getElementById('data').textContent).findings.at(-1).id")
    open_page(many, big, "#" + last)
    # The link is followed in the open page, which draws the rows up to it once it has the event.
    until(many, "return document.querySelectorAll('tr.finding').length", 10_000)
    open_page(many, big)
    loaded = run(many, "const t = performance.getEntriesByType('navigation')[0]; return t.domContentLoadedEventEnd - t.startTime")
    sorted_in = run(many, "const b = document.querySelector('th[data-key=rule] button'), s = performance.now(); b.click();"
                    "document.body.offsetHeight; return performance.now() - s")
    silent(many)
    call("DELETE", f"/session/{many}")
    print(f"ok: {rows} findings; 10,000 are open after {loaded:.0f} ms and sorted in {sorted_in:.0f} ms")
finally:
    driver.terminate()
