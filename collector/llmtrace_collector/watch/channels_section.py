"""The section `channels:` of a rule file: named ways to people, one reader for each kind.

    channels:
      on-call: {kind: pagerduty, routing_key_env: PAGERDUTY_KEY}
      team: {kind: slack, url_file: /run/secrets/slack}
    default_channel: team

`docs/reference/channels.md` is the reference of every key.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from llmtrace_collector.channels import (
    Alertmanager,
    Channel,
    Discord,
    Email,
    Opsgenie,
    PagerDuty,
    Slack,
    Teams,
    Webhook,
    pagerduty,
    urls,
)
from llmtrace_collector.channels import opsgenie as opsgenie_api
from llmtrace_collector.channels.message import Security, Server
from llmtrace_collector.channels.signing import key_of
from llmtrace_collector.watch.fields import Fields, kind_of, one_of, seen
from llmtrace_collector.watch.secret_fields import Secrets

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,49}", re.ASCII)
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,255}", re.ASCII)
_HOST = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:-]{0,252}", re.ASCII)
_EXAMPLE = "{kind: slack, url_env: SLACK_URL}"
_MOST_RECIPIENTS = 50
_PORTS = {Security.TLS: 465, Security.STARTTLS: 587, Security.NONE: 25}
_RECIPE = "import base64, os; print('whsec_' + base64.b64encode(os.urandom(32)).decode())"
_UNSIGNED = "is missing and unsigned webhooks are not offered; write secret: ${NAME} or secret_env: NAME"


def read(top: Fields, secrets: Secrets) -> dict[str, Channel]:
    """The channels of a file by name; mistakes are noted in `top`."""
    value = top.get("channels")
    if value is None:
        return {}
    section = top.mapping(value, "channels", f"channels: {{team: {_EXAMPLE}}}")
    found: dict[str, Channel] = {}
    for name in value if section else ():
        channel = _read_one(section, name, secrets) if section else None
        if channel is not None:
            found[channel.name] = channel
    return found


def read_names(fields: Fields, key: str, known: dict[str, Channel]) -> tuple[Channel, ...]:
    """The channels that `key` names, one or a list."""
    value = fields.get(key)
    items = [value] if isinstance(value, str) else fields.items(key, "[team]")
    chosen: list[Channel] = []
    for index, item in enumerate(items):
        place = key if isinstance(value, str) else f"{key}[{index}]"
        wrong = one_of(item, known, "a channel of this file") if known else "there are no channels in this file"
        if not wrong and known[item] in chosen:
            wrong = f"{seen(item)} stands here twice; once is enough"
        if wrong:
            fields.wrong(place, wrong)
        else:
            chosen.append(known[item])
    return tuple(chosen)


def _read_one(section: Fields, name: object, secrets: Secrets) -> Channel | None:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        section.wrong(seen(name), "is no name for a channel; write up to 50 letters, digits, dashes and dots")
        return None
    fields = section.mapping(section.get(name), f"channels.{name}", _EXAMPLE)
    if fields is None:
        return None
    kind = fields.get("kind") or (name if name in KINDS else fields.required("kind", "slack"))
    wrong = kind is not None and one_of(kind, KINDS, "a kind of channel")
    if wrong or kind is None:
        if wrong:
            fields.wrong("kind", wrong)
        return None
    channel = KINDS[kind](fields, name, secrets)
    fields.finish()
    return channel


def read_webhook(fields: Fields, name: str, secrets: Secrets) -> Webhook | None:
    """A signed webhook; also the form in which one stands in a rule."""
    url = _read_url(fields, secrets)
    keys = _read_keys(fields, secrets, missing=_UNSIGNED)
    return Webhook(name=name, url=url, keys=keys) if url and keys else None


def _read_slack(fields: Fields, name: str, secrets: Secrets) -> Slack | None:
    url = _read_url(fields, secrets)
    return Slack(name=name, url=url) if url else None


def _read_discord(fields: Fields, name: str, secrets: Secrets) -> Discord | None:
    url = _read_url(fields, secrets)
    return Discord(name=name, url=url) if url else None


def _read_teams(fields: Fields, name: str, secrets: Secrets) -> Teams | None:
    url = _read_url(fields, secrets)
    return Teams(name=name, url=url) if url else None


def _read_alertmanager(fields: Fields, name: str, secrets: Secrets) -> Alertmanager | None:
    url = _read_url(fields, secrets)
    keys = _read_keys(fields, secrets, missing=None)
    return Alertmanager(name=name, url=url, keys=keys) if url and keys is not None else None


def _read_pagerduty(fields: Fields, name: str, secrets: Secrets) -> PagerDuty | None:
    url = _read_url(fields, secrets, default=pagerduty.URL)
    key = secrets.read(fields, "routing_key", "is missing; write routing_key_env: PAGERDUTY_KEY")
    return PagerDuty(name=name, url=url.rstrip("/"), routing_key=key[1]) if url and key else None


def _read_opsgenie(fields: Fields, name: str, secrets: Secrets) -> Opsgenie | None:
    url = _read_url(fields, secrets, default=opsgenie_api.URL)
    key = secrets.read(fields, "api_key", "is missing; write api_key_env: OPSGENIE_KEY")
    return Opsgenie(name=name, url=url.rstrip("/"), api_key=key[1]) if url and key else None


def _read_email(fields: Fields, name: str, secrets: Secrets) -> Email | None:
    server = _read_server(fields, secrets)
    sender = fields.required("from", "llmtrace@example.com")
    if sender is not None and not _is_address(sender):
        fields.wrong("from", f"{seen(sender)} is not a mail address; write it like llmtrace@example.com")
        sender = None
    recipients = fields.items("to", "[on-call@example.com]")
    wrong = [index for index, item in enumerate(recipients) if not _is_address(item)]
    for index in wrong:
        fields.wrong(f"to[{index}]", f"{seen(recipients[index])} is not a mail address; write on-call@example.com")
    if not recipients or len(recipients) > _MOST_RECIPIENTS:
        fields.wrong("to", f"has {len(recipients)} addresses; write between 1 and {_MOST_RECIPIENTS}")
    elif server and sender and not wrong:
        return Email(name=name, server=server, sender=sender, recipients=tuple(recipients))
    return None


def _is_address(value: object) -> bool:
    return isinstance(value, str) and bool(_ADDRESS.fullmatch(value))


def _read_server(fields: Fields, secrets: Secrets) -> Server | None:
    host = fields.text("server", "smtp.example.com")
    if host is not None and not _HOST.fullmatch(host):
        fields.wrong("server", f"{seen(host)} is not a host; write it like smtp.example.com, the port under port")
        host = None
    security = fields.get("security") or "starttls"
    wrong = one_of(security, [*Security], "a way to secure mail")
    if wrong:
        fields.wrong("security", wrong)
    port = fields.get("port")
    if port is not None and not (isinstance(port, int) and not isinstance(port, bool) and 0 < port < 65_536):
        fields.wrong("port", f"{seen(port)} is not a port; write it like 587")
        return None
    username = "" if fields.get("username") is None else fields.text("username", "llmtrace")
    password = secrets.read(
        fields, "password", "is missing beside username; write password_env: NAME" if username else None
    )
    if not host or wrong or username is None or (username and password is None):
        return None
    if username and security == "none":
        fields.wrong("security", "none would send the password in the clear; write starttls or tls")
        return None
    chosen = Security(security)
    return Server(
        host=host,
        port=port or _PORTS[chosen],
        security=chosen,
        username=username,
        password=password[1] if password else "",
    )


def _read_url(fields: Fields, secrets: Secrets, default: str = "") -> str | None:
    if default and all(fields.get(key) is None for key in ("url", "url_env", "url_file")):
        return default
    url = fields.get("url")
    if url is not None and not (isinstance(url, str) and url.strip() and url.isprintable()):
        fields.wrong("url", f"{kind_of(url)} stands where a text belongs; write it like https://example.com/hook")
        return None
    if isinstance(url, str) and not url.strip().startswith("${"):
        found: tuple[str, str] | None = ("url", url)
        for other in ("url_env", "url_file"):
            if fields.get(other) is not None:
                fields.wrong(other, "stands beside url; keep one of the two")
                return None
    else:
        found = secrets.read(fields, "url", "is missing; write it like https://example.com/hook")
    if found is None:
        return None
    try:
        urls.parse(found[1])
    except ValueError as error:
        fields.wrong(found[0], str(error))
        return None
    return found[1]


def _read_keys(fields: Fields, secrets: Secrets, *, missing: str | None) -> tuple[bytes, ...] | None:
    """The present key and the previous one, if any; None: one of them is wrong, or the present one is missing."""
    keys: list[bytes] = []
    fine = True
    for name in ("secret", "previous_secret"):
        absent = all(fields.get(key) is None for key in (name, f"{name}_env", f"{name}_file"))
        found = secrets.read(fields, name, missing if name == "secret" else None)
        if found is None:
            fine = fine and absent and not (missing and name == "secret")
            continue
        try:
            keys.append(key_of(found[1]))
        except ValueError as error:
            fields.wrong(found[0], f'{error}; make one with: python -c "{_RECIPE}"')
            fine = False
    return tuple(keys) if fine else None


KINDS: dict[str, Callable[[Fields, str, Secrets], Channel | None]] = {
    "webhook": read_webhook,
    "slack": _read_slack,
    "teams": _read_teams,
    "discord": _read_discord,
    "pagerduty": _read_pagerduty,
    "opsgenie": _read_opsgenie,
    "alertmanager": _read_alertmanager,
    "email": _read_email,
}
"""By the name rule files have: what reads one."""
