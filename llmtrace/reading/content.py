"""Messages as the JSON of the GenAI conventions: ``gen-ai-input-messages.json`` and its siblings.

The conventions know text, reasoning, tool calls and their responses, blobs, URIs and files; anything else passes as
a generic part under its own ``type``. Nothing is cut here: ``blobs`` and ``limits`` do that. Chat keeps its system
messages in the history, where they were; ``instructions`` of a responses call are apart from it and become
``gen_ai.system_instructions``.
"""

from __future__ import annotations

import json
from typing import Any

from llmtrace.calls import Content
from llmtrace.reading.json_values import NOT_JSON, Json, items, mapping, text

_FINISH = {"tool_calls": "tool_call", "function_call": "tool_call"}


def read_content(wire: str, request: Json, reply: Json) -> Content:
    """Content of one call, from the bodies sent and answered."""
    if wire == "chat":
        given, answered = _chat_input(request), _chat_output(reply)
    elif wire == "responses":
        given, answered = _responses_input(request), _responses_output(reply)
    elif wire == "completions":
        given, answered = _plain_input(request.get("prompt")), _completions_output(reply)
    elif wire == "embeddings":
        given, answered = _plain_input(request.get("input")), []
    else:
        return Content()
    return Content(
        input_messages=given,
        output_messages=answered,
        system_instructions=_instructions(request) if wire in ("chat", "responses") else [],
        tool_definitions=_tools(request),
    )


# --- chat -------------------------------------------------------------------------------------------------------


def _chat_input(request: Json) -> list[Json]:
    return [_chat_message(mapping(message)) for message in items(request.get("messages"))]


def _chat_message(message: Json) -> Json:
    role = text(message.get("role")) or "user"
    if role in ("tool", "function"):
        call_id = text(message.get("tool_call_id")) or text(message.get("name"))
        parts = [{"type": "tool_call_response", "id": call_id, "response": message.get("content")}]
        return {"role": role, "parts": parts}
    made: Json = {"role": role, "parts": _chat_parts(message)}
    if name := text(message.get("name")):
        made["name"] = name
    return made


def _chat_parts(message: Json) -> list[Json]:
    parts: list[Json] = []
    if reasoning := text(message.get("reasoning_content")) or text(message.get("reasoning")):
        parts.append({"type": "reasoning", "content": reasoning})
    parts += _parts(message.get("content"))
    if refusal := text(message.get("refusal")):
        parts.append({"type": "refusal", "content": refusal})
    calls = items(message.get("tool_calls"))
    if function := mapping(message.get("function_call")):
        calls = [*calls, {"function": function}]
    parts += [_tool_call(mapping(call)) for call in calls]
    return parts


def _tool_call(call: Json) -> Json:
    function = mapping(call.get("function")) or mapping(call.get("custom"))
    arguments = function.get("arguments", function.get("input"))
    part = {"type": "tool_call", "name": text(function.get("name")) or "", "arguments": _decoded(arguments)}
    return {**part, "id": call["id"]} if text(call.get("id")) else part


def _chat_output(reply: Json) -> list[Json]:
    made = []
    for entry in items(reply.get("choices")):
        choice = mapping(entry)
        message = mapping(choice.get("message"))
        finish = text(choice.get("finish_reason")) or ""
        made.append(
            {
                "role": text(message.get("role")) or "assistant",
                "parts": _chat_parts(message),
                "finish_reason": _FINISH.get(finish, finish),
            }
        )
    return made


# --- responses --------------------------------------------------------------------------------------------------


def _instructions(request: Json) -> list[Json]:
    given = text(request.get("instructions"))
    return [{"type": "text", "content": given}] if given else []


def _responses_input(request: Json) -> list[Json]:
    given = request.get("input")
    if isinstance(given, str):
        return _plain_input(given)
    return [_item_message(mapping(item)) for item in items(given)]


def _item_message(item: Json) -> Json:
    kind = text(item.get("type")) or "message"
    role = text(item.get("role"))
    if kind == "message":
        return {"role": role or "user", "parts": _parts(item.get("content"))}
    role = "tool" if kind.endswith("_output") else role or "assistant"
    return {"role": role, "parts": [_item_part(kind, item)]}


def _item_part(kind: str, item: Json) -> Json:
    if kind in ("function_call", "custom_tool_call"):
        arguments = item.get("arguments", item.get("input"))
        name = text(item.get("name")) or ""
        return {"type": "tool_call", "id": item.get("call_id"), "name": name, "arguments": _decoded(arguments)}
    if kind.endswith("_call_output"):
        return {
            "type": "tool_call_response",
            "id": item.get("call_id"),
            "response": item.get("output"),
        }
    if kind == "reasoning":
        pieces = [*items(item.get("summary")), *items(item.get("content"))]
        return {"type": "reasoning", "content": "\n".join(text(mapping(piece).get("text")) or "" for piece in pieces)}
    if kind.endswith("_call"):
        name = kind.removesuffix("_call")
        details = {key: value for key, value in item.items() if key not in ("id", "encrypted_content")}
        return {"type": "server_tool_call", "id": item.get("id"), "name": name, "server_tool_call": details}
    shown = {key: value for key, value in item.items() if key != "encrypted_content"}
    return {**shown, "type": kind}


def _responses_output(reply: Json) -> list[Json]:
    # One generation, however many items it has: one message, as the convention asks.
    parts: list[Json] = []
    kinds: list[str] = []
    for entry in items(reply.get("output")):
        item = mapping(entry)
        kind = text(item.get("type")) or "message"
        kinds.append(kind)
        parts += _parts(item.get("content")) if kind == "message" else [_item_part(kind, item)]
    if not kinds:
        return []
    return [{"role": "assistant", "parts": parts, "finish_reason": _responses_finish(reply, kinds)}]


def _responses_finish(reply: Json, kinds: list[str]) -> str:
    status = text(reply.get("status"))
    if status == "incomplete":
        reason = text(mapping(reply.get("incomplete_details")).get("reason")) or ""
        return "length" if reason == "max_output_tokens" else reason
    if status == "failed":
        return "error"
    return "tool_call" if "function_call" in kinds else "stop"


# --- shared -----------------------------------------------------------------------------------------------------


def _plain_input(given: object) -> list[Json]:
    entries = [given] if isinstance(given, str) else items(given)
    return [
        {"role": "user", "parts": [{"type": "text", "content": entry}]} for entry in entries if isinstance(entry, str)
    ]


def _completions_output(reply: Json) -> list[Json]:
    return [
        {
            "role": "assistant",
            "parts": [{"type": "text", "content": text(mapping(choice).get("text")) or ""}],
            "finish_reason": text(mapping(choice).get("finish_reason")) or "",
        }
        for choice in items(reply.get("choices"))
    ]


def _parts(content: object) -> list[Json]:
    if isinstance(content, str):
        return [{"type": "text", "content": content}] if content else []
    return [_part(mapping(part)) for part in items(content)]


def _part(part: Json) -> Json:
    kind = text(part.get("type")) or "unknown"
    if kind in ("text", "input_text", "output_text"):
        return {"type": "text", "content": text(part.get("text")) or ""}
    if kind == "refusal":
        return {"type": "refusal", "content": text(part.get("refusal")) or ""}
    if kind in ("image_url", "input_image"):
        return _image(part)
    if kind == "input_audio":
        audio = mapping(part.get("input_audio"))
        mime = f"audio/{text(audio.get('format')) or 'wav'}"
        return {"type": "blob", "modality": "audio", "mime_type": mime, "content": text(audio.get("data")) or ""}
    if kind in ("file", "input_file"):
        return _file(part, kind)
    return {**part, "type": kind}


def _file(part: Json, kind: str) -> Json:
    source = mapping(part.get("file")) or part
    if file_id := source.get("file_id"):
        return {"type": "file", "modality": "document", "file_id": str(file_id)}
    data = text(source.get("file_data")) or ""
    if not data.startswith("data:"):
        return {**part, "type": kind}
    named = {"filename": source["filename"]} if text(source.get("filename")) else {}
    return {**_data_url(data, "document"), **named}


def _image(part: Json) -> Json:
    if file_id := text(part.get("file_id")):
        return {"type": "file", "modality": "image", "file_id": file_id}
    source = part.get("image_url")
    url = text(source) or text(mapping(source).get("url")) or ""
    if url.startswith("data:"):
        return _data_url(url, "image")
    return {"type": "uri", "modality": "image", "uri": url}


def _data_url(url: str, modality: str) -> Json:
    head, _, data = url.removeprefix("data:").partition(",")
    return {"type": "blob", "modality": modality, "mime_type": head.partition(";")[0], "content": data}


def _tools(request: Json) -> list[Json]:
    entries = [
        *items(request.get("tools")),
        *({"type": "function", "function": f} for f in items(request.get("functions"))),
    ]
    return [_tool(mapping(entry)) for entry in entries]


def _tool(entry: Json) -> Json:
    # Chat nests name and parameters under the type's own key, responses does not.
    kind = text(entry.get("type")) or "function"
    inner = mapping(entry.get(kind)) or entry
    made: Json = {"type": kind, "name": text(inner.get("name")) or kind}
    for key in ("description", "parameters"):
        if inner.get(key):
            made[key] = inner[key]
    return made


def _decoded(arguments: Any) -> Any:
    """Tool arguments are JSON inside a string; the convention wants the object where that works."""
    if not isinstance(arguments, str):
        return arguments
    try:
        return json.loads(arguments)
    except NOT_JSON:
        return arguments
