"""Who is let into the app: tokens and roles, sessions, the gate before every endpoint, and a browser that logs in."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmtrace_dashboards import access, cli, token_file
from llmtrace_dashboards.access import AccessError, Attempts, Role, Sessions
from llmtrace_dashboards.panels.frame import _ENTRIES
from llmtrace_dashboards.web import login
from support.app import Seeded, app_command
from support.browser import page_on, settled
from support.services import Process, free_ports

if TYPE_CHECKING:
    from playwright.sync_api import Browser

ANA, VERA = "ana-token-" + "a" * 20, "vera-token-" + "v" * 20


@pytest.fixture(scope="module")
def closed(seeded: Seeded, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of an app that asks for a token."""
    folder = tmp_path_factory.mktemp("closed")
    tokens = folder / "tokens"
    tokens.write_text(f"# who\nana admin {ANA}\nvera viewer {VERA}\n")
    (port,) = free_ports(1)
    command = [*app_command(seeded.stack)[:-1], str(port), "--tokens", str(tokens)]
    process = Process.start(command, folder / "app.log")
    try:
        process.wait_answer(f"http://127.0.0.1:{port}/_stcore/health")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.clean_up()


def ask(
    url: str, path: str, *, method: str = "GET", body: str | None = None, **headers: str
) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", int(url.rsplit(":", 1)[1]), timeout=10)
    connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer


UPGRADE = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec_WebSocket_Version": "13",
    "Sec_WebSocket_Key": "dGhlIHNhbXBsZSBub25jZQ==",
}
ENDPOINTS = (
    "/",
    "/traces",
    "/_stcore/host-config",
    "/_stcore/upload_file/a/b",
    "/media/x.png",
    "/component/x/index.html",
    "/static/js/index.js",
    "/app/static/icon.png",
    "/_stcore/metrics",
    "/login/../traces",
    "//evil.example",
)


@pytest.mark.parametrize("path", ENDPOINTS)
def test_without_a_session_every_endpoint_is_closed(closed: str, path: str) -> None:
    """A page leads to the login of the same app; all else is 401, with a made-up cookie, too."""
    for cookie in ("", f"{access.COOKIE}=guessed", "=;;,"):
        assert ask(closed, path, Cookie=cookie).status == 401
        assert ask(closed, path, method="POST", body="{}", Cookie=cookie).status == 401
        page = ask(closed, path, Cookie=cookie, Accept="text/html")
        assert page.status == 303
        assert page.headers["location"].startswith("/login?next=")
        assert "frame-ancestors 'none'" in page.headers["content-security-policy"]


def test_a_websocket_needs_a_session(closed: str) -> None:
    """Without a cookie it is refused before it is accepted; with one it opens, for the app's own origin alone."""
    assert ask(closed, "/_stcore/stream", **UPGRADE).status == 403
    cookie = logged_in(closed)
    assert ask(closed, "/_stcore/stream", **UPGRADE, Cookie=cookie, Origin="http://evil.example").status == 403
    assert ask(closed, "/_stcore/stream", **UPGRADE, Cookie=cookie, Host="evil.example").status == 403
    assert ask(closed, "/_stcore/stream", **UPGRADE, Cookie=cookie, Origin=closed).status == 101


def test_a_foreign_host_is_refused_for_every_request(closed: str, app: str) -> None:
    """A name that another site lets point here reaches nothing, whether a token is asked for or not."""
    for url in (closed, app):
        for host in ("evil.example", "", "[", "127.0.0.1.evil.example"):
            assert ask(url, "/", Host=host, Accept="text/html").status == 403
    assert ask(closed, "/login", method="POST", body="token=x", Origin="null").status == 403


def logged_in(url: str, token: str = ANA) -> str:
    answer = ask(url, "/login?next=/alerts", method="POST", body=urlencode({"token": token}))
    assert (answer.status, answer.headers["location"]) == (303, "/alerts")
    made = answer.headers["set-cookie"]
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(made.split("; "))
    return str(made.split(";")[0])


def test_logging_out_ends_the_session_and_a_link_cannot(closed: str) -> None:
    """The cookie opens the app until POST /logout; a GET only asks."""
    cookie = logged_in(closed)
    assert ask(closed, "/traces", Cookie=cookie).status == 200
    assert ask(closed, "/logout", Cookie=cookie).status == 200
    assert ask(closed, "/traces", Cookie=cookie).status == 200
    assert ask(closed, "/logout", method="POST", Cookie=cookie).status == 303
    assert ask(closed, "/traces", Cookie=cookie).status == 401


def test_a_browser_logs_in_and_out(browser: Browser, closed: str) -> None:
    """By keyboard: a wrong token says so, the right one leads to where the link led; logging out ends other tabs."""
    from playwright.sync_api import expect

    with page_on(browser, closed, viewport={"width": 390, "height": 844}) as page:
        page.goto(f"{closed}/alerts?r=7d")
        expect(page.get_by_label("Token")).to_be_focused()
        page.keyboard.type("a wrong token, and long enough")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_have_text("This token is not known here.")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        page.keyboard.type(VERA)
        with page.expect_websocket() as connection:
            page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Alerts", level=1)).to_be_visible()
        assert page.url == f"{closed}/alerts?r=7d"
        second = page.context.new_page()
        second.set_viewport_size({"width": 1440, "height": 900})
        second.goto(f"{closed}/alerts")
        expect(second.get_by_text("vera, viewer")).to_be_visible()
        second.get_by_role("link", name="Log out").click()
        with connection.value.expect_event("close"):
            second.get_by_role("button", name="Log out").click()
        expect(second.get_by_label("Token")).to_be_visible()
        page.reload()
        expect(page.get_by_label("Token")).to_be_visible()


def test_every_page_keeps_to_the_policy(browser: Browser, app: str) -> None:
    """Each page of the sidebar is drawn, asks no other origin and breaks no rule of its Content-Security-Policy."""
    from playwright.sync_api import expect

    with page_on(browser, app) as page:
        for path, label, _ in _ENTRIES:
            answer = page.goto(f"{app}/{path}")
            assert answer
            assert "default-src 'none'" in answer.headers["content-security-policy"]
            assert answer.headers["x-frame-options"] == "DENY"
            expect(page.get_by_role("heading", name=label, level=1)).to_be_visible()
            settled(page)


def test_a_link_from_another_site_keeps_its_session(closed: str) -> None:
    """A strict cookie does not come with such a link: the browser is asked to come once more, from here."""
    cookie = logged_in(closed)
    first = ask(closed, "/alerts?a=x", Accept="text/html", Sec_Fetch_Site="cross-site")
    assert first.status == 200
    assert "set-cookie" not in first.headers
    assert login.again('/alerts?a="><script>').count(b"<script") == 0
    second = ask(closed, "/alerts?a=x", Accept="text/html", Sec_Fetch_Site="same-origin", Cookie=cookie)
    assert second.status == 200


@given(st.text())
def test_after_login_nobody_is_sent_elsewhere(text: str) -> None:
    """Whatever `next` says, it is a path of this app."""
    for given_text in (text, f"/{text}", f"//{text}", f"/\\{text}"):
        found = login.target(f"next={quote(given_text, safe='')}".encode())
        assert found[0] == "/"
        assert found[1:2] not in {"/", "\\"}
        assert found.isascii()
        assert found.isprintable()


def test_attempts_are_limited_by_address() -> None:
    """After five wrong ones within a minute an address waits until the first is a minute old; others do not."""
    now = [0.0]
    attempts = Attempts(lambda: now[0])
    for at in range(5):
        assert attempts.wait_s("a") == 0
        now[0] = float(at)
        attempts.wrong("a")
    assert attempts.wait_s("a") == 56
    assert attempts.wait_s("b") == 0
    now[0] = 60.0
    assert attempts.wait_s("a") == 0


def test_a_session_runs_out_and_ends() -> None:
    """It is good for twelve hours or until it is ended; a role comes with it."""
    now = [0.0]
    sessions = Sessions(access.people(f"ana reviewer {ANA}"), lambda: now[0])
    person = sessions.person(ANA)
    assert person
    assert (person.name, person.role) == ("ana", Role.REVIEWER)
    assert ANA not in repr(person)
    assert sessions.person(ANA + "x") is None
    first, second = sessions.begin(person), sessions.begin(person)
    sessions.end(first)
    assert (sessions.who(first), sessions.who(second), sessions.who("")) == (None, person, None)
    now[0] = access.LASTS_S
    assert sessions.who(second) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "names nobody"),
        ("ana admin", "line 1: write NAME ROLE TOKEN"),
        (f"# who\nana boss {ANA}", "line 2: 'boss' is not a role"),
        ("ana admin short", "line 1: the token has 5 characters"),
        (f"<b> admin {ANA}", "line 1: '<b>' is not a name"),
        (f"ana admin {ANA}\nbob viewer {ANA}", "line 2: the name or the token stands in a line before"),
    ],
)
def test_a_mistake_among_people_is_one_sentence(text: str, said: str) -> None:
    """With its line and never with a token."""
    with pytest.raises(AccessError, match=said) as error:
        access.people(text)
    assert ANA not in str(error.value)


@pytest.mark.processes
def test_where_others_can_reach_it_a_token_is_made_and_kept(tmp_path: Path) -> None:
    """What is printed names the file and not the token, which logs an admin in, also after a restart."""
    kept = tmp_path / "state" / "llmtrace" / "dashboard-token"
    (port,) = free_ports(1)
    command = ["llmtrace_dashboards", "--clickhouse", "http://127.0.0.1:1", "--host", "0.0.0.0", "--port", str(port)]
    texts = []
    for _ in range(2):
        environ = {"XDG_STATE_HOME": str(tmp_path / "state"), cli.TOKEN: ""}
        process = Process.start(command, tmp_path / "app.log", environ)
        try:
            process.wait_answer(f"http://127.0.0.1:{port}/_stcore/health")
            texts.append(kept.read_text().strip())
            assert (kept.stat().st_mode & 0o777, kept.parent.stat().st_mode & 0o777) == (0o600, 0o700)
            assert ask(f"http://127.0.0.1:{port}", "/traces").status == 401
            cookie = logged_in(f"http://127.0.0.1:{port}", texts[-1])
            assert ask(f"http://127.0.0.1:{port}", "/traces", Cookie=cookie).status == 200
            assert process.stop() == 0
        finally:
            process.clean_up()
        assert process.output.splitlines()[1:] == [f"llmtrace dashboards: log in with the token in {kept}"]
    assert texts[0] == texts[1]
    assert [file.name for file in kept.parent.iterdir()] == ["dashboard-token"]


@pytest.mark.parametrize(
    ("content", "mode", "told"),
    [
        (f"{ANA}\n", 0o640, r"others can read or change the token file .* \(mode 640\)"),
        (f"{ANA}\n", 0o602, r"others can read or change"),
        ("short\n", 0o600, r"holds no token of at least 20 characters"),
        ("", 0o600, r"holds no token"),
        ("\0" * 2000, 0o600, r"holds no token"),
    ],
)
def test_a_token_file_that_keeps_nobody_out_is_one_sentence(tmp_path: Path, content: str, mode: int, told: str) -> None:
    """It says what to do; the file stays as it is."""
    file = tmp_path / "token"
    file.write_text(content)
    file.chmod(mode)
    with pytest.raises(AccessError, match=told) as error:
        token_file.keep(file)
    assert "delete it" in str(error.value)
    assert ANA not in str(error.value)
    assert file.read_text() == content


def test_a_token_file_that_cannot_be_made_is_one_sentence_and_code_2(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Below a file, at a folder, behind a link to nowhere: each is said with the file's name."""
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for path in (tmp_path / "file" / "token", tmp_path, tmp_path / "link"):
        assert cli.main(["--token-file", str(path), "--port", "0"]) == 2
        said = capsys.readouterr().err
        assert said.count("\n") == 1
        assert f"the token file {path}" in said
    assert token_file.usual({"XDG_STATE_HOME": "relative", "HOME": "/x"}).is_absolute()


def test_those_who_start_at_once_have_one_token(tmp_path: Path) -> None:
    """Whoever is first makes it, for all."""
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(lambda _: token_file.keep(tmp_path / "new" / "token"), range(16)))) == 1


def test_one_token_is_for_an_admin_and_loopback_needs_none(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert cli.main(["--tokens", str(tmp_path / "none"), "--port", "0"]) == 2
    assert "cannot be read" in capsys.readouterr().err
    assert cli.allowed(None, "") == ()
    (person,) = cli.allowed(None, ANA)
    assert person.role is Role.ADMIN
    for host in ("127.0.0.1", "::1", "localhost", "127.0.0.9"):
        assert cli._is_loopback(host)
