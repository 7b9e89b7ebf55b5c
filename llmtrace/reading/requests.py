"""Request bodies into the fields of a ``Call``."""

from __future__ import annotations

from dataclasses import replace

from llmtrace.calls import Call, Identity, Parameters
from llmtrace.identity import settled
from llmtrace.reading.json_values import Json, count, integer, items, mapping, number, text
from llmtrace.reading.large import parse_json


def parse_body(body: bytes | None) -> Json:
    """The JSON object sent, or an empty one when the body is something else."""
    if not body:
        return {}
    try:
        return mapping(parse_json(body))
    except ValueError:
        return {}


def read_request(call: Call, body: Json) -> Call:
    """``call`` completed with what its body says. Only generic calls keep to the model alone."""
    call = replace(call, model=text(body.get("model")) or call.model)
    if not call.operation.wire:
        identity = settled(call.identity)
        return replace(call, identity=identity, conversation=identity.conversation)
    identity = _identity(call.identity, body)
    return replace(
        call,
        stream=body.get("stream") is True,
        parameters=_parameters(body),
        identity=identity,
        conversation=identity.conversation,
    )


def conversation_id(value: object) -> str | None:
    """Id of a responses call's ``conversation``: a string, or an object that has one."""
    return text(value) or text(mapping(value).get("id"))


def _identity(given: Identity, body: Json) -> Identity:
    """What the app said around the call, else the request itself, else another service."""
    user = given.user or text(body.get("safety_identifier")) or text(body.get("user"))
    conversation = given.conversation or conversation_id(body.get("conversation"))
    return settled(replace(given, user=user, conversation=conversation))


def _parameters(body: Json) -> Parameters:
    stop = body.get("stop")
    stops = [stop] if isinstance(stop, str) else items(stop)
    return Parameters(
        temperature=number(body.get("temperature")),
        top_p=number(body.get("top_p")),
        max_tokens=_first_count(body, "max_completion_tokens", "max_output_tokens", "max_tokens"),
        frequency_penalty=number(body.get("frequency_penalty")),
        presence_penalty=number(body.get("presence_penalty")),
        seed=integer(body.get("seed")),
        stop_sequences=tuple(entry for entry in stops if isinstance(entry, str)) or None,
        choice_count=count(body.get("n")),
        service_tier=text(body.get("service_tier")),
        output_type=_output_type(body),
        encoding_format=text(body.get("encoding_format")),
        dimensions=count(body.get("dimensions")),
        web_search=isinstance(body.get("web_search_options"), dict),
    )


def _first_count(body: Json, *keys: str) -> int | None:
    return next((value for key in keys if (value := count(body.get(key))) is not None), None)


def _output_type(body: Json) -> str | None:
    asked = mapping(body.get("response_format")) or mapping(mapping(body.get("text")).get("format"))
    kind = text(asked.get("type"))
    if kind is None:
        return None
    return "json" if kind.startswith("json") else "text"
