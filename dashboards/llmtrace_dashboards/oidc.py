"""Login by an OpenID provider: its settings, and which role what it says of a person stands for.

    client_id = "llmtrace"
    client_secret_file = "oidc-secret"       or client_secret, or the variable
    server_metadata_url = "https://id.example.org/.well-known/openid-configuration"
    redirect_uri = "https://llmtrace.example.org/oauth2callback"

    [roles]
    "ana@example.org" = "admin"              a person
    "@example.org" = "viewer"                everybody of a domain
    "group:llm-team" = "reviewer"            everybody of a group

Who is named has that role and no other; else the highest of domain and groups holds; else nobody comes in.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

from llmtrace_dashboards.access import AccessError, Person, Role

SECRET = "LLMTRACE_OIDC_CLIENT_SECRET"  # noqa: S105  the name of a variable
CALLBACK = "/oauth2callback"

_GROUP = "group:"
_LONGEST_NAME = 100
_TEXTS = {
    "client_id": "",
    "client_secret": "",
    "client_secret_file": "",
    "server_metadata_url": "",
    "redirect_uri": "",
    "scope": "openid email profile",
    "groups_claim": "groups",
}
_OTHERS = ("accept_unverified_email", "roles")


@dataclass(frozen=True, kw_only=True)
class Oidc:
    """What the app and its provider have agreed on, and who may do what."""

    client_id: str
    client_secret: str = field(repr=False)
    server_metadata_url: str
    redirect_uri: str
    """Of the app, as people's browsers reach it."""
    scope: str
    groups_claim: str
    """Where the provider says of which groups a person is."""
    accept_unverified_email: bool
    """An address counts though the provider does not say that it is the person's."""
    roles: Mapping[str, Role]
    """By address, domain and group, as the file spells them; addresses in small letters."""

    @property
    def provider(self) -> str:
        """Its host, for people to read."""
        return urlsplit(self.server_metadata_url).hostname or ""

    @property
    def own_host(self) -> str:
        """The app's host and port, as browsers say it."""
        return urlsplit(self.redirect_uri).netloc

    def person(self, claims: Mapping[str, Any]) -> Person:
        """Whom the provider's claims stand for, and what they may.

        Raises:
            AccessError: they may not come in, or the claims are meant for another app.
        """
        audience = claims.get("aud")
        if self.client_id not in (audience if isinstance(audience, list) else [audience]):
            raise AccessError("The provider's answer is meant for another app than this one")
        email = str(claims.get("email") or "").lower()
        verified = self.accept_unverified_email or claims.get("email_verified") in {True, "true"}
        name = email if email and verified else str(claims.get("sub") or "")
        if not name or len(name) > _LONGEST_NAME or not name.isprintable():
            raise AccessError("The provider tells no name that could be shown")
        role = self._role(email if verified else "", _words(claims.get(self.groups_claim)))
        if role:
            return Person(name=name, role=role)
        if email and not verified:
            raise AccessError(
                "The provider does not say that your e-mail address is verified, so it stands for no role"
            )
        raise AccessError(f"{name} has no role here; whoever runs llmtrace gives one")

    def _role(self, email: str, groups: list[str]) -> Role | None:
        if email in self.roles:
            return self.roles[email]
        keys = [f"@{email.rpartition('@')[2]}" if "@" in email else "", *(_GROUP + group for group in groups)]
        return max((self.roles[key] for key in keys if key in self.roles), default=None)

    def streamlit(self, cookie_secret: str) -> dict[str, Any]:
        """As Streamlit is told of it in its secrets."""
        return {
            "redirect_uri": self.redirect_uri,
            "cookie_secret": cookie_secret,
            "client_id": self.client_id,
            "client_secret": self.client_secret,
            "server_metadata_url": self.server_metadata_url,
            "client_kwargs": {"scope": self.scope},
        }


def load(path: Path, environ: Mapping[str, str]) -> Oidc:
    """The settings in the file `path`; the client's secret may be elsewhere.

    Raises:
        AccessError: it cannot be read, or a setting is wrong; the message names the file and the setting.
    """
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise AccessError(f"--oidc {path}: it cannot be read ({error})") from None
    except tomllib.TOMLDecodeError as error:
        raise AccessError(f"--oidc {path}: it is not TOML ({error})") from None
    try:
        return _settings(found, path.absolute().parent, environ)
    except AccessError as error:
        raise AccessError(f"--oidc {path}: {error}") from None


def _settings(found: Mapping[str, Any], folder: Path, environ: Mapping[str, str]) -> Oidc:
    known = [*_TEXTS, *_OTHERS]
    if unknown := [key for key in found if key not in known]:
        raise AccessError(f"{unknown[0][:60]!r} is no setting; {', '.join(known)} are")
    texts = {key: found.get(key, default) for key, default in _TEXTS.items()}
    for key, text in texts.items():
        if not isinstance(text, str) or not text.isprintable():
            raise AccessError(f"{key}: write a text in quotes")
    accept = found.get("accept_unverified_email", False)
    if not isinstance(accept, bool):
        raise AccessError("accept_unverified_email: write true or false")
    if not texts["client_id"]:
        raise AccessError("client_id: write the id under which the provider knows this app")
    if "openid" not in texts["scope"].split():
        raise AccessError('scope: "openid" must be among its words')
    return Oidc(
        client_id=texts["client_id"],
        client_secret=_secret(texts["client_secret"], texts["client_secret_file"], folder, environ),
        server_metadata_url=_metadata_url(texts["server_metadata_url"]),
        redirect_uri=_redirect_uri(texts["redirect_uri"]),
        scope=texts["scope"],
        groups_claim=texts["groups_claim"],
        accept_unverified_email=accept,
        roles=_roles(found.get("roles")),
    )


def _secret(given: str, file: str, folder: Path, environ: Mapping[str, str]) -> str:
    text = given or environ.get(SECRET, "")
    if file:
        if given:
            raise AccessError("client_secret and client_secret_file: give one of both")
        try:
            text = (folder / file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise AccessError(f"client_secret_file: {folder / file} cannot be read ({error})") from None
    if not text:
        raise AccessError(f"the client's secret is missing: write client_secret_file, or set {SECRET}")
    return text


def _metadata_url(text: str) -> str:
    _web(text, "server_metadata_url", "https://id.example.org/.well-known/openid-configuration")
    return text


def _redirect_uri(text: str) -> str:
    example = f"https://llmtrace.example.org{CALLBACK}"
    parts = _web(text, "redirect_uri", example)
    if parts.path != CALLBACK or parts.query or parts.fragment:
        raise AccessError(f'redirect_uri: "{text[:100]}" must end in {CALLBACK}; write it like {example}')
    return text


def _web(text: str, name: str, example: str) -> SplitResult:
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        parts, host = urlsplit(""), None
    if not host or parts.username or parts.scheme not in {"http", "https"} or "{" in text:
        raise AccessError(f'{name}: "{text[:100]}" is no address of the web; write it like {example}')
    if parts.scheme == "http" and host not in {"127.0.0.1", "localhost", "::1"}:
        raise AccessError(f"{name}: over http whoever is on the way reads and changes it; write https")
    return parts


def _roles(found: Any) -> dict[str, Role]:
    if not isinstance(found, dict) or not found:
        raise AccessError('[roles] names nobody; write such as "ana@example.org" = "admin" below it')
    roles: dict[str, Role] = {}
    for key, word in found.items():
        if not isinstance(word, str) or word.upper() not in Role.__members__:
            raise AccessError(f"roles.{key[:60]!r}: {str(word)[:30]!r} is not a role; viewer, reviewer and admin are")
        is_group = key.startswith(_GROUP)
        if not (key.removeprefix(_GROUP) if is_group else "@" in key and key.rpartition("@")[2]):
            raise AccessError(f'roles.{key[:60]!r}: write an address, "@DOMAIN" or "{_GROUP}NAME"')
        roles[key if is_group else key.lower()] = Role[word.upper()]
    return roles


def _words(claim: Any) -> list[str]:
    return [one for one in (claim if isinstance(claim, list) else [claim]) if isinstance(one, str)]
