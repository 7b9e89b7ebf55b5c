"""What must not leave the process, found in text and in JSON values and replaced by its kind: ``[redacted: email]``.

    policies ──▶ Redactor: kinds (secrets, personal, the user's own) ──▶ text ──▶ structured values

Pure: nothing here knows OpenTelemetry, OpenAI or a file. Every built-in pattern is linear in the length of the text,
for prompts are hostile: repetitions are possessive, and none begins inside a run it has already passed.
"""
