"""Rule files: YAML in, `Rule`s out, or every mistake at once.

    rules:
      - name: daily-cap          # unique
        kind: spend
        group_by: [user]         # of project, user, model; absent: everything together
        window: 24h
        limit_usd: 5
        for: 0s                  # absent: 0s
        webhooks:
          - url: https://example.com/hook
            secret: ${HOOK_SECRET}

`docs/reference/alerts.md` is the reference of every key.
"""

from __future__ import annotations

import os
import re
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from llmtrace_collector.errors import ConfigError
from llmtrace_collector.watch import yaml_file
from llmtrace_collector.watch.fields import Fields, Mistakes, kind_of, one_of, seen
from llmtrace_collector.watch.rule import GROUP_KEYS, Rule, Spend, Webhook, shown_url
from llmtrace_collector.watch.signing import key_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

KINDS = ("spend",)
LONGEST_WINDOW = timedelta(days=40)
"""As long as spend_1m keeps its rows."""

_MINUTE = timedelta(minutes=1)
_LONGEST_NAME = 100
_RULE_EXAMPLE = "{name: daily-cap, kind: spend, window: 24h, limit_usd: 5}"
_WEBHOOK_EXAMPLE = "{url: https://example.com/hook, secret: whsec_...}"
_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}", re.ASCII)


def load(path: Path, *, environ: Mapping[str, str] = os.environ) -> tuple[Rule, ...]:
    """The rules of a file, in its order.

    Args:
        path: A YAML file.
        environ: Where `${NAME}` and `secret_env` find secrets.

    Raises:
        ConfigError: with every mistake in the file, one to a line. No message holds a secret.
    """
    mistakes = Mistakes()
    content = yaml_file.read(path, mistakes)
    rules = [] if mistakes.found else _read_file(content, mistakes, environ)
    if mistakes.found:
        lines = "\n".join(f"{path.name}: {mistake}" for mistake in mistakes.found)
        raise ConfigError(lines)
    return tuple(rules)


def _read_file(content: object, mistakes: Mistakes, environ: Mapping[str, str]) -> list[Rule]:
    if content is None:
        return []
    if not isinstance(content, dict):
        mistakes.add("", f'{kind_of(content)} stands where a mapping belongs; begin the file with "rules:"')
        return []
    fields = Fields(content, "", mistakes)
    items = fields.items("rules", f"rules: [{_RULE_EXAMPLE}]")
    fields.finish()
    rules = []
    names: dict[str, int] = {}
    for index, item in enumerate(items):
        rule_fields = fields.mapping(item, f"rules[{index}]", _RULE_EXAMPLE)
        if rule_fields is None:
            continue
        rule = _read_rule(rule_fields, names, index, environ)
        if rule is not None:
            rules.append(rule)
    return rules


def _read_rule(fields: Fields, names: dict[str, int], index: int, environ: Mapping[str, str]) -> Rule | None:
    name = _read_name(fields, names, index)
    kind = fields.required("kind", "spend")
    wrong_kind = kind is not None and one_of(kind, KINDS, "a kind of rule")
    if wrong_kind:
        fields.wrong("kind", wrong_kind)
    group_by = _read_group_by(fields)
    hold = fields.duration("for", "10m", default=timedelta(0))
    webhooks = _read_webhooks(fields, environ)
    condition = _read_spend(fields)
    fields.finish()
    if name is None or hold is None or condition is None:
        return None
    return Rule(name=name, condition=condition, group_by=group_by, hold=hold, webhooks=webhooks)


def _read_name(fields: Fields, names: dict[str, int], index: int) -> str | None:
    name = fields.text("name", "daily-cap")
    if name is None:
        return None
    if len(name) > _LONGEST_NAME:
        fields.wrong("name", f"{len(name)} characters are too many; {_LONGEST_NAME} is the most")
    if name in names:
        fields.wrong("name", f"{seen(name)} is the name of rules[{names[name]}] already; names must be unique")
    names.setdefault(name, index)
    return name


def _read_group_by(fields: Fields) -> tuple[str, ...]:
    chosen: list[str] = []
    for index, item in enumerate(fields.items("group_by", "[user]")):
        wrong = one_of(item, GROUP_KEYS, "something to group by")
        if item in chosen:
            wrong = f"{seen(item)} stands here twice; once is enough"
        if wrong:
            fields.wrong(f"group_by[{index}]", wrong)
        else:
            chosen.append(item)
    return tuple(key for key in GROUP_KEYS if key in chosen)


def _read_spend(fields: Fields) -> Spend | None:
    window = fields.duration("window", "24h")
    limit = fields.dollars("limit_usd", "5")
    if window is not None and not _MINUTE <= window <= LONGEST_WINDOW:
        fields.wrong("window", f"{seen(fields.get('window'))} is out of range; write between 1m and 40d")
    elif window is not None and window % _MINUTE:
        fields.wrong("window", f"{seen(fields.get('window'))} is not in whole minutes; spend is kept by the minute")
    return None if window is None or limit is None else Spend(window=window, limit_usd=limit)


def _read_webhooks(fields: Fields, environ: Mapping[str, str]) -> tuple[Webhook, ...]:
    webhooks: list[Webhook] = []
    for index, item in enumerate(fields.items("webhooks", f"[{_WEBHOOK_EXAMPLE}]")):
        webhook_fields = fields.mapping(item, fields.at(f"webhooks[{index}]"), _WEBHOOK_EXAMPLE)
        if webhook_fields is None:
            continue
        url = _read_url(webhook_fields)
        key = _read_key(webhook_fields, environ)
        webhook_fields.finish()
        if url is None or key is None:
            continue
        webhook = Webhook(url=url, key=key)
        if any(webhook.endpoint == other.endpoint for other in webhooks):
            webhook_fields.wrong("url", f"{webhook.shown} stands here twice with the same path; once is enough")
        webhooks.append(webhook)
    return tuple(webhooks)


def _read_url(fields: Fields) -> str | None:
    url = fields.text("url", "https://example.com/hook")
    if url is None:
        return None
    wrong = _wrong_url(url)
    if wrong:
        fields.wrong("url", wrong)
    return None if wrong else url


def _wrong_url(url: str) -> str | None:
    """What is wrong with `url`, without the parts of it that may be secret."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return "cannot be read as a URL; write it like https://example.com/hook"
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        return f'"{shown_url(url)}" is not an http or https URL; write it like https://example.com/hook'
    if parts.username is not None or parts.password is not None:
        return f'"{shown_url(url)}" comes with a user or password; take them out, notices are signed instead'
    if parts.fragment or " " in url or not url.isascii():
        return f'"{shown_url(url)}" has a blank, a "#" or a character beyond ASCII; percent-encode it'
    return None


def _read_key(fields: Fields, environ: Mapping[str, str]) -> bytes | None:
    secret, variable = fields.get("secret"), fields.get("secret_env")
    if secret is not None and variable is not None:
        fields.wrong("secret_env", "stands beside secret; keep one of the two")
        return None
    key = "secret" if variable is None else "secret_env"
    if secret is None and variable is None:
        fields.wrong(
            "secret", "is missing and unsigned webhooks are not offered; write secret: ${NAME} or secret_env: NAME"
        )
        return None
    if not isinstance(secret or variable, str):
        fields.wrong(key, f"{kind_of(secret or variable)} stands where a text belongs; write ${{NAME}} or whsec_...")
        return None
    try:
        return key_of(_resolve(secret, variable, environ))
    except ValueError as error:
        fields.wrong(key, f'{error}; make one with: python -c "{_RECIPE}"')
    except LookupError as error:
        fields.wrong(key, f"{error.args[0]}; set it to the secret, whsec_...")
    return None


_RECIPE = "import base64, os; print('whsec_' + base64.b64encode(os.urandom(32)).decode())"


def _resolve(secret: str | None, variable: str, environ: Mapping[str, str]) -> str:
    """The secret's text, from the file or the environment; LookupError names a variable that is not set."""
    if secret is not None:
        found = _REFERENCE.fullmatch(secret.strip())
        if not found:
            return secret
        variable = found[1]
    if not environ.get(variable):
        raise LookupError(f"the environment variable {variable} is not set")
    return environ[variable]
