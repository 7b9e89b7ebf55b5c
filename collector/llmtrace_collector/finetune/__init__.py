"""Calls of the past as data sets to tune a smaller model on.

    store ──▶ calls ──▶ conversations ──▶ gates ──▶ scrubbed ──▶ formats ──▶ split by session ──▶ files ──▶ read again

`validity` judges the files and knows nothing of who wrote them.
"""
