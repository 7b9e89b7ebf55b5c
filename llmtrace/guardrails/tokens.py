"""Secrets by the prefix their issuer gives them, past a gate: enough randomness, and none of the words of examples.

The shapes of ``llmtrace.redaction.secrets`` hold here too, less its cards, and past the same gate.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Final

from llmtrace.redaction import secrets
from llmtrace.redaction.kinds import Kind, Span

_EXAMPLES: Final = re.compile(
    r"example|sample|placeholder|redacted|dummy|change[-_]?me|test[-_]?(?:key|token)|secret[-_]?key|insert[-_]"
    r"|(?<![A-Za-z0-9])(?:your|my|foo|bar|todo|fake|some|the)(?![A-Za-z0-9])"
    r"|x{4}|\*{3}|\.{3}|0{6}|1{6}|a{6}|12345678|abcdef(?:gh|12)|deadbeef|<|>|\$\{|\{\{|%\(",
    re.IGNORECASE,
)


def entropy(text: str) -> float:
    """Bits per character of the characters in it (Shannon)."""
    return -sum(n / len(text) * math.log2(n / len(text)) for n in Counter(text).values()) if text else 0.0


def looks_random(text: str, bits: float = 3.0) -> bool:
    """Whether it may be a secret: none of the words of examples, and enough randomness for its length."""
    if _EXAMPLES.search(text):
        return False
    return entropy(text) >= min(bits, math.log2(max(2, len(text))) * 0.72)


def _gated(kind: Kind, gate: Callable[[str], bool]) -> Kind:
    def find(text: str) -> Iterable[Span]:
        return ((start, end) for start, end in kind.find(text) if gate(text[start:end]))

    return replace(kind, find=find)


_ISSUERS: Final[dict[str, tuple[tuple[str, ...], str]]] = {
    "age secret key": (("AGE-SECRET-KEY-1",), r"AGE-SECRET-KEY-1[0-9A-Z]{58}"),
    "airtable token": (("pat",), r"pat[A-Za-z0-9]{14}\.[a-f0-9]{64}"),
    "alibaba key": (("LTAI",), r"LTAI[A-Za-z0-9]{12,20}"),
    "asana token": (("/",), r"[0-9]/[0-9]{16}(?:/[0-9]{16})?:[A-Za-z0-9]{32}"),
    "atlassian token": (("ATATT3", "ATCTT3", "ATBB"), r"(?:ATATT3|ATCTT3|ATBB)[A-Za-z0-9_=-]{24,}+"),
    "aws session key": (("ABSK", "bedrock-api-key-"), r"(?:ABSK|bedrock-api-key-)[A-Za-z0-9+/=_-]{40,}+"),
    "azure storage key": (("AccountKey=",), r"(?<=AccountKey=)[A-Za-z0-9+/]{86}=="),
    "azure client secret": (("8Q~", "7Q~"), r"[A-Za-z0-9_~.]{3}[78]Q~[A-Za-z0-9_~.-]{31,34}"),
    "buildkite token": (("bkua_",), r"bkua_[a-f0-9]{40}"),
    "cerebras key": (("csk-",), r"csk-[a-z0-9]{40,}+"),
    "cloudflare key": (("v1.0-", "cfut_", "cfat_"), r"v1\.0-[a-f0-9]{24}-[a-f0-9]{146}|cf[ua]t_[A-Za-z0-9_-]{38,}+"),
    "contentful token": (("CFPAT-",), r"CFPAT-[A-Za-z0-9_-]{43}"),
    "databricks token": (("dapi", "dose", "dsapi"), r"(?:dapi|dose|dsapi)[a-f0-9]{32}(?:-[0-9])?"),
    "digitalocean token": (("doo_v1_", "dor_v1_"), r"do[or]_v1_[a-f0-9]{64}"),
    "discord token": ((".",), r"[MNO][A-Za-z0-9_-]{23,27}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,40}"),
    "discord webhook": (("/api/webhooks/",), r"(?<=/api/webhooks/)[0-9]{17,20}/[A-Za-z0-9_-]{60,72}"),
    "docker token": (("dckr_pat_", "dckr_oat_"), r"dckr_[po]at_[A-Za-z0-9_-]{27,36}"),
    "doppler token": (("dp.",), r"dp\.(?:pt|st|ct|scim|audit|sa|said)\.(?:[a-z0-9_-]{2,35}\.)?[A-Za-z0-9]{40,44}"),
    "dropbox token": (("sl.",), r"sl\.(?:u\.)?[A-Za-z0-9_-]{60,}+"),
    "dynatrace token": (("dt0",), r"dt0[a-z][0-9]{2}\.[A-Z0-9]{24}\.[A-Z0-9]{64}"),
    "elevenlabs key": (("sk_",), r"sk_[a-f0-9]{48}"),
    "facebook token": (("EAA",), r"EAA[A-Za-z0-9]{60,}+"),
    "figma token": (("figd_",), r"figd_[A-Za-z0-9_-]{38,}+"),
    "fireworks key": (("fw_",), r"fw_[A-Za-z0-9]{22,}+"),
    "fly token": (("fo1_", "FlyV1 fm"), r"fo1_[A-Za-z0-9_-]{40,}+|FlyV1 fm[12][ar]?_[A-Za-z0-9+/=_-]{60,}+"),
    "gitlab token": (
        ("gldt-", "glrt-", "glptt-", "glcbt-", "glft-", "glimt-", "glagent-", "glsoat-", "GR1348941", "gloas-"),
        r"(?:gl(?:dt|rt|ptt|cbt|ft|imt|agent|soat)-|gloas-|GR1348941)[A-Za-z0-9_-]{20,}+",
    ),
    "google oauth secret": (("1//0",), r"1//0[A-Za-z0-9_-]{40,}+"),
    "grafana token": (("glc_", "glsa_", "eyJrIjoi"), r"glc_[A-Za-z0-9+/=]{32,}+|glsa_[A-Za-z0-9]{32}_[A-Fa-f0-9]{8}"),
    "heroku key": (("HRKU-",), r"HRKU-[A-Za-z0-9_-]{36,64}"),
    "hugging face token": (("hf_", "api_org_"), r"(?:hf|api_org)_[A-Za-z]{34}"),
    "langfuse or langsmith key": (
        ("lsv2_", "sk-lf-", "ls__"),
        r"lsv2_(?:pt|sk)_[a-f0-9]{32}_[a-f0-9]{10}|ls__[a-f0-9]{32}",
    ),
    "launchdarkly key": (
        ("api-", "sdk-"),
        r"(?:api|sdk)-[a-f0-9]{8}-[a-f0-9]{4}-4[a-f0-9]{3}-[a-f0-9]{4}-[a-f0-9]{12}",
    ),
    "linear key": (("lin_api_", "lin_oauth_"), r"lin_(?:api|oauth)_[A-Za-z0-9]{40,64}"),
    "mailchimp key": (("-us",), r"[a-f0-9]{32}-us[0-9]{1,2}"),
    "mailgun key": (("key-", "pubkey-"), r"(?:pub)?key-[a-f0-9]{32}"),
    "mapbox token": (("sk.eyJ", "tk.eyJ"), r"[st]k\.eyJ[A-Za-z0-9_-]{40,}+\.[A-Za-z0-9_-]{20,}+"),
    "netlify token": (("nfp_", "nfc_", "nfo_", "nfu_"), r"nf[pcou]_[A-Za-z0-9]{36,}+"),
    "new relic key": (("NRAK-", "NRII-", "NRJS-", "NRAL"), r"NR(?:AK|II|JS|IQ)-[A-Za-z0-9_-]{19,40}|[a-f0-9]{36}NRAL"),
    "notion token": (("ntn_", "secret_"), r"ntn_[0-9]{11}[A-Za-z0-9]{35}|secret_[A-Za-z0-9]{43}"),
    "npm token": (("_authToken=",), r"(?<=_authToken=)[A-Za-z0-9_-]{30,}+"),
    "nvidia key": (("nvapi-",), r"nvapi-[A-Za-z0-9_-]{60,72}"),
    "okta token": (("SSWS ",), r"(?<=SSWS )00[A-Za-z0-9_-]{40}"),
    "1password token": (
        ("ops_eyJ", "A3-"),
        r"ops_eyJ[A-Za-z0-9+/=_-]{100,}+|A3-[A-Z0-9]{6}-(?:[A-Z0-9]{5,6}-){4,5}[A-Z0-9]{5}",
    ),
    "paypal token": (("access_token$",), r"access_token\$(?:production|sandbox)\$[a-z0-9]{16}\$[a-f0-9]{32}"),
    "pinecone key": (("pcsk_",), r"pcsk_[A-Za-z0-9_]{50,}+"),
    "planetscale token": (("pscale_",), r"pscale_(?:tkn|oauth|pw)_[A-Za-z0-9=._-]{32,64}"),
    "postman key": (("PMAK-",), r"PMAK-[a-f0-9]{24}-[a-f0-9]{34}"),
    "prefect key": (("pnu_", "pnb_"), r"pn[ub]_[A-Za-z0-9]{36}"),
    "pulumi token": (("pul-",), r"pul-[a-f0-9]{40}"),
    "replicate token": (("r8_",), r"r8_[A-Za-z0-9]{37}"),
    "resend key": (("re_",), r"re_[A-Za-z0-9]{8}_[A-Za-z0-9]{20,30}"),
    "rubygems key": (("rubygems_",), r"rubygems_[a-f0-9]{48}"),
    "segment key": (("sgp_",), r"sgp_[A-Za-z0-9]{64}"),
    "sentry token": (("sntrys_", "sntryu_"), r"sntrys_eyJ[A-Za-z0-9+/=_-]{60,}+|sntryu_[a-f0-9]{64}"),
    "shippo token": (("shippo_",), r"shippo_(?:live|test)_[a-f0-9]{40}"),
    "shopify token": (("shpat_", "shpca_", "shppa_", "shpss_"), r"shp(?:at|ca|pa|ss)_[A-Fa-f0-9]{32}"),
    "brevo key": (("xkeysib-", "xsmtpsib-"), r"x(?:key|smtp)sib-[a-f0-9]{64}-[A-Za-z0-9]{16}"),
    "sonar token": (("squ_", "sqp_", "sqa_"), r"sq[upa]_[a-f0-9]{40}"),
    "sourcegraph token": (("sgp_",), r"sgp_(?:[a-f0-9]{16}_)?[a-f0-9]{40}"),
    "square token": (("sq0", "EAAA"), r"sq0(?:atp|csp|idp)-[A-Za-z0-9_-]{22,43}|EAAA[A-Za-z0-9_-]{60}"),
    "stripe key": (("_live_",), r"[rs]k_live_[A-Za-z0-9]{24,}+"),  # of letters alone
    "supabase key": (("sbp_", "sb_secret_"), r"sbp_[a-f0-9]{40}|sb_secret_[A-Za-z0-9_-]{20,}+"),
    "tailscale key": (("tskey-",), r"tskey-(?:auth|api|client|scim|webhook)-[A-Za-z0-9]{8,}+-[A-Za-z0-9]{20,}+"),
    "tavily key": (("tvly-",), r"tvly-(?:dev-|prod-)?[A-Za-z0-9]{32}"),
    "telegram token": ((":AA",), r"[0-9]{8,10}:AA[A-Za-z0-9_-]{32,33}"),
    "tencent key": (("AKID",), r"AKID[A-Za-z0-9]{32}"),
    "terraform token": ((".atlasv1.",), r"[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=-]{60,72}"),
    "together key": (("tgp_v1_",), r"tgp_v1_[A-Za-z0-9_-]{40,}+"),
    "twilio key": (("SK", "AC"), r"(?:SK|AC)[a-f0-9]{32}"),
    "typeform token": (("tfp_",), r"tfp_[A-Za-z0-9_.=-]{40,60}"),
    "vault token": (("hvs.", "hvb.", "hvr."), r"hv[sbr]\.[A-Za-z0-9_-]{24,}+"),
    "vercel token": (("vcp_", "vck_", "vca_"), r"vc[pka]_[A-Za-z0-9]{24,}+"),
    "wandb key": (("wandb_v1_",), r"wandb_v1_[A-Za-z0-9_]{40,}+"),
    "yandex key": (("AQVN", "y0_"), r"AQVN[A-Za-z0-9_-]{35,38}|y0_[A-Za-z0-9_-]{54,58}"),
}
_EDGE: Final = r"(?<![A-Za-z0-9_-])"


def _typed() -> Iterable[Kind]:
    for name, (hints, pattern) in _ISSUERS.items():
        edge = "" if pattern.startswith("(?<=") else _EDGE
        compiled = re.compile(rf"{edge}(?:{pattern})(?![A-Za-z0-9])")

        def find(text: str, compiled: re.Pattern[str] = compiled) -> Iterable[Span]:
            return (match.span() for match in compiled.finditer(text) if looks_random(match[0]))

        yield Kind(name=name, find=find, hints=hints)


_LOOSE: Final = {"secret": 3.4, "password": 2.8, "bearer token": 3.2, "authorization": 3.2, "credentials": 2.4}
"""What redaction finds by a name beside it, and the randomness it takes here."""


def _known() -> Iterable[Kind]:
    for kind in secrets.KINDS:
        if kind.name == "card":
            continue
        if kind.name == "private key":
            yield kind
        elif kind.name == "credentials":
            yield _gated(kind, _is_login)
        else:
            bits = _LOOSE.get(kind.name, 3.0)
            yield _gated(kind, lambda text, bits=bits: len(text) >= 8 and looks_random(text, bits))  # type: ignore[misc]


def _is_login(text: str) -> bool:
    name, _, password = text.partition(":")
    return (
        len(password) >= 8 and password != name and any(c.isdigit() for c in password) and looks_random(password, 2.8)
    )


KINDS: Final = (*_known(), *_typed())
"""In the order they are looked for."""
