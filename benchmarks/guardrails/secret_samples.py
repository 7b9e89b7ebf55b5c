"""Made secrets of 42 types, each by the shape its issuer documents, in sentences and lines of code."""

from __future__ import annotations

import base64
import json
import random
import string
import zlib
from collections.abc import Callable, Iterator

ALNUM = string.ascii_letters + string.digits
LOWER = string.ascii_lowercase + string.digits
HEX = "0123456789abcdef"
URLSAFE = ALNUM + "-_"
BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase

Make = Callable[[random.Random], str]


def of(prefix: str, size: int, letters: str = ALNUM, suffix: str = "") -> Make:
    return lambda rng: prefix + "".join(rng.choices(letters, k=size)) + suffix


def _github(rng: random.Random) -> str:
    """Thirty random characters and six of their CRC32 in base 62."""
    body = "".join(rng.choices(ALNUM, k=30))
    check, told = zlib.crc32(body.encode()), ""
    while check:
        check, digit = divmod(check, 62)
        told = BASE62[digit] + told
    return f"{rng.choice(['ghp', 'gho', 'ghs', 'ghu', 'ghr'])}_{body}{told.rjust(6, '0')}"


def _jwt(rng: random.Random) -> str:
    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    head = {"alg": rng.choice(["HS256", "RS256"]), "typ": "JWT"}
    return f"{part(head)}.{part({'sub': rng.randrange(10**9), 'iat': 1700000000})}.{of('', 43, URLSAFE)(rng)}"


def _private_key(rng: random.Random) -> str:
    kind = rng.choice(["RSA ", "EC ", "", "OPENSSH "])
    lines = "\n".join(of("", 64, ALNUM + "+/")(rng) for _ in range(rng.randint(3, 20)))
    return f"-----BEGIN {kind}PRIVATE KEY-----\n{lines}\n-----END {kind}PRIVATE KEY-----"


def _slack_webhook(rng: random.Random) -> str:
    team, hook = (of(letter, size, ALNUM.upper())(rng) for letter, size in (("T", 8), ("B", 10)))
    return f"https://hooks.slack.com/services/{team}/{hook}/{of('', 24)(rng)}"


TYPES: dict[str, Make] = {
    "openai": of("sk-", 48),
    "openai project": lambda r: f"sk-proj-{of('', 74, URLSAFE)(r)}T3BlbkFJ{of('', 74, URLSAFE)(r)}",
    "openai service account": lambda r: f"sk-svcacct-{of('', 58, URLSAFE)(r)}",
    "anthropic": of("sk-ant-api03-", 93, URLSAFE, "AA"),
    "github": _github,
    "github fine grained": lambda r: f"github_pat_{of('', 22)(r)}_{of('', 59)(r)}",
    "gitlab": of("glpat-", 20, URLSAFE),
    "aws access key": of("AKIA", 16, string.ascii_uppercase + "234567"),
    "aws secret key": of("aws_secret_access_key = ", 40, ALNUM + "+/"),
    "google api": of("AIza", 35, URLSAFE),
    "google oauth": of("ya29.", 120, URLSAFE),
    "hugging face": of("hf_", 34, string.ascii_letters),
    "slack bot": lambda r: f"xoxb-{r.randrange(10**11, 10**12)}-{r.randrange(10**12, 10**13)}-{of('', 24)(r)}",
    "slack webhook": _slack_webhook,
    "stripe": of("sk_live_", 24),
    "stripe restricted": of("rk_live_", 99),
    "twilio": of("SK", 32, HEX),
    "sendgrid": lambda r: f"SG.{of('', 22, URLSAFE)(r)}.{of('', 43, URLSAFE)(r)}",
    "mailgun": of("key-", 32, HEX),
    "mailchimp": lambda r: f"{of('', 32, HEX)(r)}-us{r.randint(1, 21)}",
    "npm": of("npm_", 36),
    "pypi": of("pypi-AgEIcHlwaS5vcmc", 150, URLSAFE),
    "databricks": of("dapi", 32, HEX),
    "digitalocean": of("dop_v1_", 64, HEX),
    "shopify": of("shpat_", 32, HEX),
    "square": of("sq0atp-", 22, URLSAFE),
    "telegram": lambda r: f"{r.randrange(10**8, 10**10)}:AA{of('', 33, URLSAFE)(r)}",
    "discord": lambda r: f"M{of('', 23)(r)}.{of('', 6)(r)}.{of('', 27, URLSAFE)(r)}",
    "azure storage": lambda r: f"AccountName=acc;AccountKey={of('', 86, ALNUM + '+/')(r)}==;",
    "jwt": _jwt,
    "private key": _private_key,
    "linear": of("lin_api_", 40),
    "notion": lambda r: f"ntn_{r.randrange(10**10, 10**11)}{of('', 35)(r)}",
    "postman": lambda r: f"PMAK-{of('', 24, HEX)(r)}-{of('', 34, HEX)(r)}",
    "grafana": lambda r: f"glsa_{of('', 32)(r)}_{of('', 8, HEX)(r)}",
    "vault": of("hvs.", 90, URLSAFE),
    "terraform": lambda r: f"{of('', 14)(r)}.atlasv1.{of('', 67, URLSAFE)(r)}",
    "docker": of("dckr_pat_", 27, URLSAFE),
    "replicate": of("r8_", 37),
    "groq": of("gsk_", 52),
    "database url": lambda r: f"postgres://app:{of('', 16)(r)}@db.internal:5432/app",
    "new relic": of("NRAK-", 27, string.ascii_uppercase + string.digits),
}
_PLACES = (
    "My key is {}",
    'client = Client(token="{}")',
    "export TOKEN={}\n",
    "please debug this: curl -H 'x-api-key: {}' https://api.internal/v1",
    '{{"name": "prod", "value": "{}"}}',
    "The call failed with {} and I do not know why.",
    "- secret: {}\n- region: eu\n",
)


def samples(seed: int, each: int) -> Iterator[tuple[str, str]]:
    """Type and text; every text holds one secret."""
    rng = random.Random(seed)
    for name, make in TYPES.items():
        for _ in range(each):
            yield name, rng.choice(_PLACES).format(make(rng))
