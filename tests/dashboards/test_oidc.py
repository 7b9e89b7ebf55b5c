"""Login by an OpenID provider: a real one on a socket, a real browser, and the gate before everything of the app."""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import RSAKey

from llmtrace_dashboards import access, cli, collector, oidc
from llmtrace_dashboards.access import AccessError, Role
from llmtrace_dashboards.oidc import Oidc
from support.app import Seeded, app_command
from support.openid import CLIENT_ID, CLIENT_SECRET, Provider, provider
from support.services import Process, Stack, free_ports

from .test_access import ENDPOINTS, UPGRADE, ask

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

VERA = {"email": "Vera@example.org", "email_verified": True, "sub": "v"}
ANA = {"email": "ana@example.org", "email_verified": True, "sub": "a"}
ROLES = '[roles]\n"ana@example.org" = "admin"\n"@example.org" = "viewer"\n"group:llm team" = "reviewer"\n'


@dataclass(kw_only=True)
class House:
    """An app, and the provider its people log in by."""

    url: str
    provider: Provider
    process: Process


@pytest.fixture(scope="module")
def house(watched: tuple[Stack, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("oidc")
    (port,) = free_ports(1)
    with provider() as peer:
        (folder / "secret").write_text(f"{CLIENT_SECRET}\n")
        file = folder / "oidc.toml"
        file.write_text(
            f'client_id = "{CLIENT_ID}"\nclient_secret_file = "secret"\n'
            f'server_metadata_url = "{peer.url}/.well-known/openid-configuration"\n'
            f'redirect_uri = "http://127.0.0.1:{port}/oauth2callback"\n{ROLES}'
        )
        stack, key = watched
        command = [*app_command(stack)[:-1], str(port), "--collector", stack.http_url]
        environ = {cli.OIDC: str(file), collector.KEY: key, "PYTHONWARNINGS": "error"}
        process = Process.start(command, folder / "app.log", environ)
        try:
            process.wait_answer(f"http://127.0.0.1:{port}/_stcore/health")
            yield House(url=f"http://127.0.0.1:{port}", provider=peer, process=process)
        finally:
            process.clean_up()


@pytest.fixture(autouse=True)
def usual(request: pytest.FixtureRequest) -> None:
    """The provider tells what is right again."""
    if "house" in request.fixturenames:
        peer = request.getfixturevalue("house").provider
        peer.claims, peer.refuses, peer.state, peer.signs_with = {}, "", "", None


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    found = browser.new_context(viewport={"width": 1440, "height": 900})
    found.set_default_timeout(30_000)
    yield found
    found.close()


def come(page: Page, house: House, path: str = "/alerts?r=7d") -> None:
    page.goto(f"{house.url}{path}")
    page.get_by_role("link", name="Log in with localhost").click()


def test_a_viewer_logs_in_reads_and_is_offered_no_change_until_logged_out_everywhere(
    house: House, context: BrowserContext
) -> None:
    """Back where the link led, under a name and role; no cookie of the provider's stays; logging out ends both."""
    from playwright.sync_api import expect

    house.provider.claims = dict(VERA)
    page = context.new_page()
    come(page, house)
    expect(page.get_by_role("heading", name="Alerts", level=1)).to_be_visible()
    assert page.url == f"{house.url}/alerts?r=7d"
    expect(page.get_by_text("vera@example.org, viewer")).to_be_visible()
    expect(page.get_by_text("This needs the role reviewer.")).to_be_visible()
    assert page.get_by_role("button", name="Acknowledge").count() == 0
    assert not [one for one in context.cookies() if one["name"].startswith("_streamlit_user")]
    (session,) = [one for one in context.cookies() if one["name"] == access.COOKIE]
    assert (session["httpOnly"], session["sameSite"]) == (True, "Strict")

    page.get_by_role("link", name="Log out").click()
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("link", name="Log in with localhost")).to_be_visible()
    assert house.provider.left[-1]["id_token_hint"].count(".") == 2
    assert house.provider.left[-1]["post_logout_redirect_uri"] == f"{house.url}/oauth2callback"
    assert ask(house.url, "/traces", Cookie=f"{access.COOKIE}={session['value']}").status == 401


def test_what_a_reviewer_does_is_audited_under_the_address_that_the_provider_tells(
    house: House, watched: tuple[Stack, str], context: BrowserContext
) -> None:
    """By the same form as with a token; rules stay an admin's."""
    from playwright.sync_api import expect

    house.provider.claims = {**VERA, "groups": ["llm team"]}
    page = context.new_page()
    come(page, house)
    page.get_by_label("What is being done").fill("on it")
    page.get_by_label("What is being done").press("Enter")
    expect(page.get_by_text("The alert is acknowledged.")).to_be_visible()
    expect(page.get_by_text("To change rules needs the role admin.")).to_be_visible()
    audited = [json.loads(line) for line in (watched[0].data / "audit.jsonl").read_text().splitlines()]
    assert audited[-1]["who"].endswith(" as vera@example.org")


def test_who_is_named_and_who_is_of_a_group_has_that_role(house: House, context: BrowserContext) -> None:
    """Over what everybody of the domain may."""
    from playwright.sync_api import expect

    for claims, shown in (
        (ANA, "ana@example.org, admin"),
        ({**VERA, "groups": ["other", "llm team"]}, "vera@example.org, reviewer"),
        ({"sub": "no-address", "groups": "llm team"}, "no-address, reviewer"),
    ):
        house.provider.claims = dict(claims)
        page = context.new_page()
        come(page, house, "/alerts")
        expect(page.get_by_text(shown)).to_be_visible()
        context.clear_cookies()
        page.close()


@pytest.mark.parametrize(
    ("claims", "said"),
    [
        ({**VERA, "email": "eve@elsewhere.org"}, "eve@elsewhere.org has no role here"),
        ({**ANA, "email": "ana@example.org.evil.org"}, "ana@example.org.evil.org has no role here"),
        ({**ANA, "email_verified": False}, "does not say that your e-mail address is verified"),
        ({"email": "ana@example.org"}, "does not say that your e-mail address is verified"),
        ({**ANA, "aud": ["other"], "azp": CLIENT_ID}, "meant for another app"),
    ],
)
def test_who_has_no_role_is_refused_in_a_sentence(
    house: House, context: BrowserContext, claims: dict[str, Any], said: str
) -> None:
    """The provider knows them; the app opens nothing, and lets them log in as somebody else."""
    from playwright.sync_api import expect

    house.provider.claims = claims
    page = context.new_page()
    come(page, house)
    expect(page.get_by_role("alert")).to_contain_text(said)
    assert access.COOKIE not in {one["name"] for one in context.cookies()}
    house.provider.claims = dict(ANA)
    page.get_by_role("link", name="Log in with localhost").click()
    expect(page.get_by_text("ana@example.org, admin")).to_be_visible()


@pytest.mark.parametrize(
    "wrong",
    [
        {"claims": {**ANA, "iss": "http://evil.example"}},
        {"claims": {**ANA, "nonce": "another"}},
        {"claims": {**ANA, "exp": 1}},
        {"claims": {**ANA, "aud": "another"}},
        {"signs_with": RSAKey.generate_key(2048, {"kid": "one"}, auto_kid=False)},
        {"state": "anothers"},
        {"refuses": "access_denied"},
        {"refuses": "<script>alert(1)</script>"},
    ],
    ids=["issuer", "nonce", "expired", "audience", "signature", "state", "refused", "hostile"],
)
def test_an_answer_that_does_not_hold_opens_nothing(
    house: House, context: BrowserContext, wrong: dict[str, Any]
) -> None:
    """A token of another issuer, app, time, key or login; an answer to somebody else's question."""
    from playwright.sync_api import expect

    house.provider.claims = dict(ANA)
    for name, value in wrong.items():
        setattr(house.provider, name, value)
    page = context.new_page()
    come(page, house)
    denied = "did not let you in: access_denied" if wrong == {"refuses": "access_denied"} else "was not completed"
    expect(page.get_by_role("alert")).to_contain_text(denied)
    assert access.COOKIE not in {one["name"] for one in context.cookies()}
    assert CLIENT_SECRET not in house.process.output


@pytest.mark.parametrize("path", [*ENDPOINTS, "/auth/login", "/auth/login?provider=x", "/auth/logout"])
def test_before_login_every_endpoint_is_closed(house: House, path: str) -> None:
    """With Streamlit's own cookie made up, too; a WebSocket is refused before it is accepted."""
    for cookie in ("", f"{access.COOKIE}=guessed", '_streamlit_user="{}"; _streamlit_user_tokens=x'):
        assert ask(house.url, path, Cookie=cookie).status == 401
        page = ask(house.url, path, Cookie=cookie, Accept="text/html")
        assert page.headers["location"].startswith("/login?next=")
        assert ask(house.url, "/_stcore/stream", **UPGRADE, Cookie=cookie).status == 403


def test_a_callback_that_nobody_asked_for_opens_nothing(house: House) -> None:
    """Made up, of another browser, of another host."""
    for query in (
        "code=x&state=y",
        "state=",
        "error=a&error_description=%0d%0aset-cookie:x=y",
        "&".join("a=1" for _ in range(15)),
    ):
        answer = ask(house.url, f"/oauth2callback?{query}", Accept="text/html")
        assert answer.status in {401, 303}
        assert access.COOKIE not in str(answer.headers)
    other = house.provider.authorize({"redirect_uri": "/oauth2callback", "state": "of another browser"})
    assert ask(house.url, other).status == 401
    assert ask(house.url, "/oauth2callback?code=x&state=y", Host="evil.example").status == 403
    assert ask(house.url, "/oauth2callback", method="POST", body="code=x").status == 401
    assert ask(house.url, "/oauth2callback?" + "&".join(f"{n}=1" for n in range(99))).status < 500


def test_under_another_name_the_way_to_the_provider_begins_where_it_ends(house: House) -> None:
    """What the browser keeps for the way back, it gives to one host only; behind a proxy that is not tried twice."""
    port = urlsplit(house.url).port
    moved = ask(house.url, "/login/start?next=/alerts", Host=f"localhost:{port}")
    assert moved.headers["location"] == f"{house.url}/login/start?next=%2Falerts&moved=1"
    asked = ask(house.url, "/login/start?next=/alerts&moved=1", Host=f"localhost:{port}")
    assert asked.headers["location"].startswith(f"{house.provider.url}/authorize?")
    assert "code_challenge=" in asked.headers["location"]


def test_a_provider_that_is_away_is_a_sentence(seeded: Seeded, tmp_path: Path) -> None:
    """On the way out; a token of the file lets in beside it."""
    port, nobody = free_ports(2)
    token = "break-glass-" + "x" * 20
    (tmp_path / "tokens").write_text(f"ops admin {token}\n")
    file = tmp_path / "oidc.toml"
    file.write_text(settings(server_metadata_url=f"http://127.0.0.1:{nobody}/meta"))
    command = [*app_command(seeded.stack)[:-1], str(port), "--oidc", str(file), "--tokens", str(tmp_path / "tokens")]
    process = Process.start(command, tmp_path / "app.log", {oidc.SECRET: "s3cret-of-the-client"})
    url = f"http://127.0.0.1:{port}"
    try:
        process.wait_answer(f"{url}/_stcore/health")
        status, text = read(url, "/login/start?next=/&moved=1")
        assert (status, "127.0.0.1 cannot be asked now" in text) == (502, True)
        assert 'name="token"' in text
        assert ask(url, "/login", method="POST", body=f"token={token}").status == 303
        assert process.stop() == 0
    finally:
        process.clean_up()
    assert "s3cret" not in process.output


def read(url: str, path: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", int(url.rsplit(":", 1)[1]), timeout=20)
    connection.request("GET", path)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text


RIGHT = {
    "client_id": "llmtrace",
    "server_metadata_url": "https://id.example.org/.well-known/openid-configuration",
    "redirect_uri": "https://llmtrace.example.org/oauth2callback",
}


def settings(roles: str = ROLES, **other: str) -> str:
    return "\n".join(f'{name} = "{value}"' for name, value in (RIGHT | other).items()) + f"\n{roles}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (settings(client_id=""), "client_id: write the id"),
        (settings(color="red"), "'color' is no setting"),
        (settings(roles=""), r"\[roles\] names nobody"),
        (settings(roles="roles = 3"), r"\[roles\] names nobody"),
        (settings(roles='[roles]\n"ana@example.org" = "boss"'), "'boss' is not a role"),
        (settings(roles='[roles]\n"ana" = "admin"'), r"roles.'ana': write an address"),
        (settings(roles='[roles]\n"@" = "admin"'), r"roles.'@': write an address"),
        (settings(roles='[roles]\n"group:" = "admin"'), "roles.'group:': write an address"),
        (settings(redirect_uri="https://x.example.org/"), "must end in /oauth2callback"),
        (settings(redirect_uri="http://x.example.org/oauth2callback"), "write https"),
        (settings(redirect_uri="https://[x/oauth2callback"), "no address of the web"),
        (settings(server_metadata_url="id.example.org"), "server_metadata_url: .* no address of the web"),
        (settings(server_metadata_url="http://id.example.org"), "server_metadata_url: .* write https"),
        (settings(scope="email"), '"openid" must be among'),
        (settings(client_secret="a", client_secret_file="b"), "give one of both"),
        (settings(client_secret_file="none"), "cannot be read"),
        (settings(roles=f"accept_unverified_email = 1\n{ROLES}"), "write true or false"),
        (settings(roles=f"groups_claim = 1\n{ROLES}"), "groups_claim: write a text"),
        ("client_id = ", "it is not TOML"),
    ],
)
def test_a_wrong_setting_is_one_sentence_and_code_2(
    text: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the start, with the file's name and without the secret."""
    monkeypatch.setenv(oidc.SECRET, "s3cret")
    file = tmp_path / "oidc.toml"
    file.write_text(text)
    assert cli.main(["--oidc", str(file), "--port", "0"]) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert f"--oidc {file}" in told
    assert "s3cret" not in told
    assert re.search(said, told)


def test_a_file_or_a_secret_that_is_missing_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the secret may come from each of three places."""
    monkeypatch.delenv(oidc.SECRET, raising=False)
    assert cli.main(["--oidc", str(tmp_path / "none"), "--port", "0"]) == 2
    assert "cannot be read" in capsys.readouterr().err
    file = tmp_path / "oidc.toml"
    file.write_text(settings())
    with pytest.raises(AccessError, match="client's secret is missing"):
        oidc.load(file, {})
    assert oidc.load(file, {oidc.SECRET: "a"}).client_secret == "a"
    (tmp_path / "b").write_text("b\n")
    file.write_text(settings(client_secret_file="b"))
    found = oidc.load(file, {oidc.SECRET: "a"})
    assert found.client_secret == "b"
    assert "client_secret" not in repr(found)


@given(
    st.dictionaries(
        st.sampled_from(["sub", "email", "email_verified", "groups", "aud"]),
        st.none()
        | st.booleans()
        | st.integers()
        | st.text()
        | st.lists(st.text() | st.integers())
        | st.sampled_from(["ana@example.org", "llm team", "group:llm team", CLIENT_ID]),
    )
)
def test_claims_of_any_form_open_nothing_by_chance(claims: dict[str, Any]) -> None:
    """Whoever gets a role has this app's id, and a verified address or a group that is named."""
    rules = {"ana@example.org": Role.ADMIN, "@example.org": Role.VIEWER, "group:llm team": Role.REVIEWER}
    settled = Oidc(
        client_id=CLIENT_ID,
        client_secret="x",
        server_metadata_url=RIGHT["server_metadata_url"],
        redirect_uri=RIGHT["redirect_uri"],
        scope="openid",
        groups_claim="groups",
        accept_unverified_email=False,
        roles=rules,
    )
    try:
        person = settled.person(claims)
    except AccessError:
        return
    assert claims["aud"] in (CLIENT_ID, [CLIENT_ID]) or CLIENT_ID in claims["aud"]
    verified = claims.get("email_verified") is True
    by_group = "llm team" in (claims["groups"] if isinstance(claims.get("groups"), list) else [claims.get("groups")])
    assert by_group or (verified and str(claims.get("email", "")).lower().endswith("@example.org"))
    assert person.name
    assert person.name.isprintable()
