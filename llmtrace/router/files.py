"""Policy files: YAML or JSON to the dataclasses of ``policies``, with the full path of what is wrong.

A mistake is a `PolicyFileError`, a `ValueError`: `routes[0].policy.floor: '95' is not what it must be: write a number
from 0 to 1, such as 0.95`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NoReturn, cast

from llmtrace.router.policies import (
    SIGNALS,
    Arm,
    Bandit,
    Budget,
    Cascade,
    Cheapest,
    Fallback,
    Fastest,
    Learned,
    Policy,
    Route,
    Routing,
    Shadow,
    Split,
    Target,
)

_MAX_BYTES: Final = 1_000_000
_MAX_DEPTH: Final = 8
_Node = Mapping[str, Any]


class PolicyFileError(ValueError):
    """A policy file, or what stands in it, is not what it must be: the sentence says where, and what to write."""


def load_routing(path: str | os.PathLike[str]) -> Routing:
    """What a file says; relative paths in it are of its folder.

    Raises:
        PolicyFileError: It cannot be read, or says what it must not.
    """
    file = Path(path)
    try:
        data = file.read_bytes()
    except OSError as error:
        raise PolicyFileError(f"{file}: cannot be read ({error.strerror}); give the path of a policy file") from error
    if len(data) > _MAX_BYTES:
        raise PolicyFileError(f"{file}: {len(data):,} bytes are no policy; at most {_MAX_BYTES:,} are read")
    try:
        return routing_of(_parsed(file, data), folder=file.parent)
    except PolicyFileError as error:
        raise PolicyFileError(f"{file}: {error}") from error


def routing_of(data: object, *, folder: Path | None = None) -> Routing:
    """The routes of decoded data: ``{"routes": [...]}``, or one policy for all calls.

    Raises:
        PolicyFileError: It says what it must not.
    """
    node = _mapping(data, "")
    if "kind" in node:
        return Routing(routes=(Route(policy=_policy(node, "", folder)),))
    _only(node, ("routes", "killed", "labels"), "")
    routes = _list(node.get("routes"), "routes")
    labels = {str(name): str(value) for name, value in _mapping(node.get("labels", {}), "labels").items()}
    return Routing(
        routes=tuple(_route(one, f"routes[{place}]", folder) for place, one in enumerate(routes)),
        killed=_flag(node, "killed", ""),
        labels=labels,
    )


def _parsed(file: Path, data: bytes) -> object:
    try:
        if file.suffix == ".json":
            return json.loads(data)
        import yaml
    except ImportError as error:
        raise PolicyFileError(
            'the package "pyyaml" reads .yaml files and is missing: pip install pyyaml, or write .json'
        ) from error
    except (ValueError, RecursionError) as error:
        raise PolicyFileError(f"is no JSON: {str(error).splitlines()[0]}") from error
    try:
        return yaml.safe_load(data)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise PolicyFileError(f"is no YAML: {' '.join(str(error).split())[:200]}") from error


def _route(data: object, path: str, folder: Path | None) -> Route:
    node = _mapping(data, path)
    _only(node, ("name", "models", "features", "pinned_prompts", "allow", "policy", "shadow"), path)
    allow = _texts(node, "allow", path)
    for place, word in enumerate(allow):
        if word not in ("tools", "schemas"):
            _wrong(f"{path}.allow[{place}]", word, "write tools or schemas")
    return Route(
        name=_text(node, "name", path, "default"),
        models=_texts(node, "models", path),
        features=_texts(node, "features", path),
        pinned_prompts=_texts(node, "pinned_prompts", path),
        allow=cast("Any", allow),
        policy=_policy(_needed(node, "policy", path), f"{path}.policy", folder),
        shadow=None if node.get("shadow") is None else _shadow(node["shadow"], f"{path}.shadow"),
    )


def _shadow(data: object, path: str) -> Shadow:
    node = _mapping(data, path)
    _only(node, ("target", "share"), path)
    return Shadow(
        target=_target(_needed(node, "target", path), f"{path}.target"), share=_share(node, "share", path, None)
    )


def _policy(data: object, path: str, folder: Path | None, depth: int = 0) -> Policy:
    node = _mapping(data, path)
    kind = node.get("kind")
    make = _KINDS.get(kind) if isinstance(kind, str) else None
    if make is None:
        _wrong(_at(path, "kind"), kind, f"write one of {', '.join(_KINDS)}")
    if depth > _MAX_DEPTH:
        _wrong(path, kind, f"policies stand in each other at most {_MAX_DEPTH} deep")
    return make(node, path, folder, depth)


def _fallback(node: _Node, path: str, _folder: Path | None, _depth: int) -> Policy:
    _only(node, ("kind", "targets"), path)
    return Fallback(targets=_targets(node, path))


def _cheapest(node: _Node, path: str, _folder: Path | None, _depth: int) -> Policy:
    _only(node, ("kind", "targets", "floor"), path)
    return Cheapest(targets=_targets(node, path), floor=_share(node, "floor", path, None))


def _fastest(node: _Node, path: str, _folder: Path | None, _depth: int) -> Policy:
    _only(node, ("kind", "targets", "explore"), path)
    return Fastest(targets=_targets(node, path), explore=_share(node, "explore", path, Fastest.explore))


def _cascade(node: _Node, path: str, _folder: Path | None, _depth: int) -> Policy:
    _only(node, ("kind", "targets", "escalate", "min_logprob"), path)
    signals = _texts(node, "escalate", path) if "escalate" in node else Cascade.escalate
    for place, signal in enumerate(signals):
        if signal not in SIGNALS:
            _wrong(f"{_at(path, 'escalate')}[{place}]", signal, f"write one of {', '.join(SIGNALS)}")
    least = node.get("min_logprob")
    if least is not None:
        least = _number(node, "min_logprob", path, None)
        if least > 0:
            _wrong(_at(path, "min_logprob"), least, "a log probability is 0 or less; write -0.5")
    return Cascade(targets=_targets(node, path), escalate=cast("Any", signals), min_logprob=least)


def _split(node: _Node, path: str, folder: Path | None, depth: int) -> Policy:
    _only(node, ("kind", "arms", "by", "salt"), path)
    arms = []
    for place, data in enumerate(_list(node.get("arms"), _at(path, "arms"))):
        at = f"{_at(path, 'arms')}[{place}]"
        arm = _mapping(data, at)
        _only(arm, ("name", "weight", "policy"), at)
        weight = _number(arm, "weight", at, 1.0)
        if weight < 0:
            _wrong(f"{at}.weight", weight, "write 0 or more")
        inner = _policy(_needed(arm, "policy", at), f"{at}.policy", folder, depth + 1)
        arms.append(Arm(name=_text(arm, "name", at, None), weight=weight, policy=inner))
    names = [arm.name for arm in arms]
    if len(set(names)) < len(names):
        _wrong(_at(path, "arms"), names, "give each arm a name of its own")
    if not any(arm.weight for arm in arms):
        _wrong(_at(path, "arms"), [arm.weight for arm in arms], "give one of them a weight above 0")
    by = _text(node, "by", path, "user")
    if by not in ("user", "session", "conversation"):
        _wrong(_at(path, "by"), by, "write user, session or conversation")
    return Split(arms=tuple(arms), by=cast("Any", by), salt=_text(node, "salt", path, ""))


def _budget(node: _Node, path: str, folder: Path | None, depth: int) -> Policy:
    _only(node, ("kind", "usd", "period_s", "by", "policy", "over"), path)
    by = _text(node, "by", path, "all")
    if by not in ("all", "user"):
        _wrong(_at(path, "by"), by, "write all or user")
    return Budget(
        usd=_above_0(node, "usd", path, None),
        period_s=_above_0(node, "period_s", path, Budget.period_s),
        by=cast("Any", by),
        policy=_policy(_needed(node, "policy", path), _at(path, "policy"), folder, depth + 1),
        over=_policy(_needed(node, "over", path), _at(path, "over"), folder, depth + 1),
    )


def _learned(node: _Node, path: str, folder: Path | None, _depth: int) -> Policy:
    _only(node, ("kind", "weak", "strong", "file", "quality"), path)
    file = _text(node, "file", path, None)
    return Learned(
        weak=_target(_needed(node, "weak", path), _at(path, "weak")),
        strong=_target(_needed(node, "strong", path), _at(path, "strong")),
        file=str(folder / file) if folder is not None else file,
        quality=_share(node, "quality", path, Learned.quality),
    )


def _bandit(node: _Node, path: str, _folder: Path | None, _depth: int) -> Policy:
    _only(node, ("kind", "targets", "margin", "explore", "confidence"), path)
    confidence = _share(node, "confidence", path, Bandit.confidence)
    if not 0.5 < confidence < 1:
        _wrong(_at(path, "confidence"), confidence, "write more than 0.5 and less than 1, such as 0.95")
    return Bandit(
        targets=_targets(node, path),
        margin=_share(node, "margin", path, Bandit.margin),
        explore=_share(node, "explore", path, Bandit.explore),
        confidence=confidence,
    )


_KINDS: Final[dict[str, Callable[[_Node, str, Path | None, int], Policy]]] = {
    "fallback": _fallback,
    "cheapest": _cheapest,
    "fastest": _fastest,
    "cascade": _cascade,
    "split": _split,
    "budget": _budget,
    "learned": _learned,
    "bandit": _bandit,
}


def _targets(node: _Node, path: str) -> tuple[Target, ...]:
    at = _at(path, "targets")
    found = tuple(_target(one, f"{at}[{place}]") for place, one in enumerate(_list(node.get("targets"), at)))
    if len({target.name for target in found}) < len(found):
        _wrong(at, [target.name for target in found], "name each target once")
    return found


def _target(data: object, path: str) -> Target:
    if isinstance(data, str) and data:
        return Target(model=data)
    node = _mapping(data, path, "write the name of a model, or model, client and quality")
    _only(node, ("model", "client", "quality"), path)
    quality = None if node.get("quality") is None else _share(node, "quality", path, None)
    return Target(model=_text(node, "model", path, None), client=_text(node, "client", path, ""), quality=quality)


def _at(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _wrong(path: str, value: object, write: str) -> NoReturn:
    raise PolicyFileError(f"{path or 'the file'}: {str(value)[:80]!r} is not what it must be: {write}")


def _mapping(data: object, path: str, write: str = "write names and values") -> _Node:
    if not isinstance(data, Mapping):
        _wrong(path, data, write)
    return data


def _only(node: _Node, names: Sequence[str], path: str) -> None:
    for name in node:
        if name not in names:
            _wrong(_at(path, str(name)), name, f"there is {', '.join(names)}")


def _needed(node: _Node, name: str, path: str) -> object:
    if node.get(name) is None:
        raise PolicyFileError(f"{_at(path, name)}: is missing; write it")
    return node[name]


def _list(data: object, path: str) -> list[Any]:
    if not isinstance(data, list) or not data:
        _wrong(path, data, "write a list of at least one")
    return data


def _text(node: _Node, name: str, path: str, default: str | None) -> str:
    value = node.get(name, default)
    if value is None:
        _needed(node, name, path)
    if not isinstance(value, str) or (default is None and not value):
        _wrong(_at(path, name), value, "write a text")
    return value


def _texts(node: _Node, name: str, path: str) -> tuple[str, ...]:
    value = node.get(name, [])
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        _wrong(_at(path, name), value, "write a list of texts")
    return tuple(value)


def _flag(node: _Node, name: str, path: str) -> bool:
    value = node.get(name, False)
    if not isinstance(value, bool):
        _wrong(_at(path, name), value, "write true or false")
    return value


def _number(node: _Node, name: str, path: str, default: float | None) -> float:
    value = node.get(name, default)
    if value is None:
        _needed(node, name, path)
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e15:
        _wrong(_at(path, name), value, "write a number")
    return float(value)


def _above_0(node: _Node, name: str, path: str, default: float | None) -> float:
    value = _number(node, name, path, default)
    if value <= 0:
        _wrong(_at(path, name), value, "write a number above 0")
    return value


def _share(node: _Node, name: str, path: str, default: float | None) -> float:
    value = _number(node, name, path, default)
    if not 0 <= value <= 1:
        _wrong(_at(path, name), value, "write a number from 0 to 1, such as 0.95")
    return value
