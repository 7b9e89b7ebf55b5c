"""SQL that makes GenAI message JSON of what other conventions send.

Two steps, so that there is one of each and not one for every dialect:

1. Whatever was sent becomes a list of chat messages as JSON texts, `{"role": ..., "content": ..., "tool_calls": ...}`:
   indexed attributes (`gen_ai.prompt.0.content`) are joined, objects that hold messages are opened, events are listed.
2. Each message becomes `{"role": ..., "parts": [...]}` of the GenAI conventions. A value that is a part or an argument
   already is copied byte for byte.

What is no list of messages stays as it came, and its format says so. The sources of the shapes are in `dialects.csv`.
"""

from __future__ import annotations

INDEXED = r"^(?:gen_ai\\.(?:prompt|completion)|llm\\.(?:input|output)_messages)\\.(\\d+)\\.(?:message\\.)?(.*)$"
_NESTED = r"^(tool_calls|contents)\\.(\\d+)\\.(?:tool_call\\.|message_content\\.)?(?:function\\.)?(.*)$"

# A fragment: number of the message, 0 field | 1 contents | 2 tool calls, number within, JSON of one field.
FRAGMENTS = "Array(Tuple(i UInt32, g UInt8, j UInt32, json String))"


def fragments(keys: str, values: str) -> str:
    """SQL for the fragments of indexed attributes, in order."""
    # Content that is JSON of parts already is not quoted once more.
    value = "if(g[2]='content' AND startsWith(v,'[{\"') AND isValidJSON(v),v,toJSONString(v))"
    group = "transform(n[1],['contents','tool_calls'],[1,2],0)"
    field = "if(n[1]='',g[2],n[3])"
    one = (
        f"(g,n,v)->CAST((toUInt32OrZero(g[1]),{group},toUInt32OrZero(n[2]),concat(toJSONString({field}),':',{value})),"
        "'Tuple(i UInt32,g UInt8,j UInt32,json String)')"
    )
    groups = f"arrayMap(k->extractGroups(k,'{INDEXED}'),{keys})"
    nested = f"arrayMap(k->extractGroups(replaceRegexpOne(k,'{INDEXED}','\\\\2'),'{_NESTED}'),{keys})"
    return f"arraySort(x->(x.1,x.2,x.3),arrayMap({one},{groups},{nested},{values}))"


def joined(fragments: str) -> str:
    """SQL for the chat messages, as one JSON list, of sorted fragments. Linear: each looks at the one before alone."""
    nothing = "(toUInt32(4294967295),toUInt8(0),toUInt32(0))"
    before = f"arrayPopBack(arrayPushFront(arrayMap(x->(x.1,x.2,x.3),{fragments}),{nothing}))"
    opened = "transform(x.2,[1,2],['\"contents\":[{','\"tool_calls\":[{'],'')"
    closed = "if(p.2>0,'}]','')"
    between = (
        f"multiIf(x.1!=p.1,concat(if(p.1=4294967295,'',concat({closed},'}},')),'{{',{opened}),"
        f"x.2!=p.2,concat({closed},',',{opened}),x.2>0 AND x.3!=p.3,'}},{{',',')"
    )
    body = f"arrayStringConcat(arrayMap((x,p)->concat({between},x.4),{fragments},{before}))"
    return f"if(empty({fragments}),'',concat('[',{body},if({fragments}[-1].2>0,'}}]}}]','}}]')))"


def events(names: str, attributes: str, wanted: tuple[str, ...], whole: str) -> str:
    """SQL for chat messages, as one JSON list, of span events of the older conventions; '' when there are none.

    `wanted` are message events, whose attributes are the fields; `whole` is the event that has all in one attribute.
    """
    quoted = ",".join(f"'{name}'" for name in wanted)
    spoken = "['gen_ai.system.message','gen_ai.tool.message','gen_ai.user.message']"
    role = f"transform(n,{spoken},['system','tool','user'],'assistant')"
    fields = (
        "concat('{\"role\":',toJSONString(if(e['role']='',"
        f"{role},e['role'])),',\"content\":',toJSONString(e['content']),"
        "if(e['tool_calls']='','',concat(',\"tool_calls\":',e['tool_calls'])),"
        "if(e['id']='','',concat(',\"tool_call_id\":',toJSONString(e['id']))),"
        "if(e['message']='','',concat(',\"message\":',e['message'])),"
        "if(e['finish_reason']='','',concat(',\"finish_reason\":',toJSONString(e['finish_reason']))),'}')"
    )
    body = f"concat('{{\"event_role\":',toJSONString({role}),',',substring(e['gen_ai.event.content'],2))"
    one = f"if(e['gen_ai.event.content']='',{fields},{body})"
    these = f"arrayFilter((e,n)->n IN({quoted}),{attributes},{names})"
    their = f"arrayFilter(n->n IN({quoted}),{names})"
    listed = f"concat('[',arrayStringConcat(arrayMap((e,n)->{one},{these},{their}),','),']')"
    event, attribute = whole.split(">")
    return (
        f"multiIf(hasAny({names},[{quoted}]),{listed},has({names},'{event}'),"
        f"{attributes}[indexOf({names},'{event}')]['{attribute}'],'')"
    )


def opened(t: str) -> str:
    """SQL for the list of messages, as JSON texts, that the text `t` holds; [] when it holds none."""
    lc = f"JSONExtractRaw({t},'generations',1,1,'message')"
    inside = (
        f"multiIf(JSONType({t},'messages',1)='Array',JSONExtractArrayRaw({t},'messages',1),"
        f"JSONType({t},'messages')='Array',JSONExtractArrayRaw({t},'messages'),"
        f"JSONType({t},'choices')='Array',JSONExtractArrayRaw({t},'choices'),"
        f"{lc}!='',[{lc}],"
        f"JSONType({t},'message')='Object',[JSONExtractRaw({t},'message')],"
        f"JSONHas({t},'role')OR JSONHas({t},'tool_calls'),[{t}],"
        f"JSONType({t},'prompt')='String',arrayFilter(x->x!='',[JSONExtractRaw({t},'prompt')]),"
        "[])"
    )
    return (
        f"multiIf({t}='',[],startsWith({t},'['),JSONExtractArrayRaw({t}),startsWith({t},'{{'),{inside},"
        f"[toJSONString({t})])"
    )


def fields(m: str) -> str:
    """SQL for the fields of a message's JSON text, raw: one parse. Wrapped ones (`message`, `kwargs`) are unwrapped."""
    bare = (
        f"multiIf(startsWith({m},'\"'),concat('{{\"content\":',{m},'}}'),"
        f"JSONType({m},'message')='Object',JSONExtractRaw({m},'message'),"
        f"JSONType({m},'kwargs')='Object',JSONExtractRaw({m},'kwargs'),{m})"
    )
    return f"CAST(JSONExtractKeysAndValuesRaw({bare}),'Map(String,String)')"


def _any(f: str, *keys: str) -> str:
    """SQL for the first of the raw fields that is there and not null."""
    fields = ",".join(f"{f}['{key}']" for key in keys)
    return f"arrayFirst(x->x NOT IN('','null'),[{fields}])"


def _given(f: str, *keys: str) -> str:
    """SQL for the same where JSON needs a value: null when none is there."""
    return f"transform({_any(f, *keys)},[''],['null'])"


def _unquoted(raw: str) -> str:
    """SQL for a raw value, and for what is inside where that is a string of JSON (arguments of a tool call)."""
    inner = f"JSONExtractString(concat('[',{raw},']'),1)"
    return (
        f"multiIf({raw}='','null',"
        f"(startsWith({raw},'\"{{')OR startsWith({raw},'\"['))AND isValidJSON({inner}),{inner},{raw})"
    )


def _part(p: str) -> str:
    """SQL for one part of a message's content, from its JSON text."""
    q = "q"
    kind = "q['type']"
    identity = _any(q, "toolCallId", "id")
    call = (
        f"concat('{{\"type\":\"tool_call\",\"id\":',if({identity}='','null',{identity}),"
        f"',\"name\":',{_given(q, 'toolName', 'name')},',\"arguments\":',{_unquoted(_any(q, 'input', 'args'))},'}}')"
    )
    result = (
        f'concat(\'{{"type":"tool_call_response","id":\',{_given(q, "toolCallId", "tool_use_id")},'
        f"',\"response\":',{_given(q, 'output', 'result', 'content')},'}}')"
    )
    body = (
        f'multiIf(startsWith(p,\'"\'),concat(\'{{"type":"text","content":\',p,\'}}\'),'
        f"{kind} IN('\"text\"','\"input_text\"','\"output_text\"'),"
        f'concat(\'{{"type":"text","content":\',{_given(q, "text", "content")},\'}}\'),'
        f"{kind} IN('\"tool-call\"','\"tool_use\"'),{call},"
        f"{kind} IN('\"tool-result\"','\"tool_result\"'),{result},p)"
    )
    fields = f"arrayMap(p->CAST(JSONExtractKeysAndValuesRaw(p),'Map(String,String)'),{p})"
    return f"arrayMap((p,q)->{body},{p},{fields})"


def _parts(f: str) -> str:
    """SQL for the parts of a message, as texts, from its raw fields `f`."""
    content = f"{f}['content']"
    call_id = _any(f, "tool_call_id", "id")
    answer = f'concat(\'{{"type":"tool_call_response","id":\',{call_id},\',"response":\',{content},\'}}\')'
    words = f'concat(\'{{"type":"text","content":\',{content},\'}}\')'
    said = (
        f"multiIf({content} IN('','null','\"\"'),[],{f}['role']='\"tool\"' AND {call_id}!='',[{answer}],"
        f"startsWith({content},'\"'),[{words}],"
        f"startsWith({content},'['),{_part(f'JSONExtractArrayRaw({content})')},"
        f'[concat(\'{{"type":"text","content":\',toJSONString({content}),\'}}\')])'
    )
    contents = _part(f"JSONExtractArrayRaw({f}['contents'])")
    identity, tool = _any("t", "id", "toolCallId"), _given("t", "name", "toolName")
    arguments = _unquoted(f"if(a!='',a,{_any('t', 'arguments', 'input', 'args')})")
    call = (
        f"concat('{{\"type\":\"tool_call\",\"id\":',if({identity}='','null',{identity}),"
        f"',\"name\":',if(n='',{tool},n),',\"arguments\":',{arguments},'}}')"
    )
    each = f"JSONExtractArrayRaw({f}['tool_calls'])"
    calls = (
        f"arrayMap((t,n,a)->{call},arrayMap(c->CAST(JSONExtractKeysAndValuesRaw(c),'Map(String,String)'),{each}),"
        f"arrayMap(c->JSONExtractRaw(c,'function','name'),{each}),"
        f"arrayMap(c->JSONExtractRaw(c,'function','arguments'),{each}))"
    )
    return f"arrayConcat({said},{contents},{calls})"


def _message(role: str) -> str:
    """SQL for one GenAI message from the raw fields `f` of a chat message; one that is of that form stays as it is.

    A role that is no text and parts that are no list are not taken for what their names say.
    """
    spoken = (
        "multiIf(startsWith(f['role'],'\"'),f['role'],"
        "f['type']='\"human\"','\"user\"',f['type']='\"ai\"','\"assistant\"',"
        f"f['type'] IN('\"system\"','\"tool\"'),f['type'],startsWith(f['event_role'],'\"'),f['event_role'],{role})"
    )
    parts = f"if(startsWith(f['parts'],'['),f['parts'],concat('[',arrayStringConcat({_parts('f')},','),']'))"
    made = (
        f"concat('{{\"role\":',{spoken},',\"parts\":',{parts},"
        "if(f['name'] IN('','null'),'',concat(',\"name\":',f['name'])),"
        "if(f['finish_reason'] IN('','null'),'',concat(',\"finish_reason\":',f['finish_reason'])),'}')"
    )
    return f"if(startsWith(f['parts'],'[')AND startsWith(f['role'],'\"'),m,{made})"


def genai(sides: str, roles: str) -> str:
    """SQL for GenAI message JSON of each of several texts that hold chat messages; '' for one that holds none.

    `roles` are those of messages that do not tell theirs, one for each side.
    """
    is_message = "f['role']!='' OR f['content']!='' OR f['contents']!='' OR f['tool_calls']!='' OR f['parts']!=''"
    whole = (
        f"if(empty(fs)OR NOT arrayAll(f->{is_message},fs),'',"
        f"concat('[',arrayStringConcat(arrayMap((m,f)->{_message('r')},ms,fs),','),']'))"
    )
    one = f"arrayMap(fs->{whole},[arrayMap(m->{fields('m')},ms)])[1]"
    return f"arrayMap((ms,r)->{one},arrayMap(t->{opened('t')},{sides}),{roles})"
