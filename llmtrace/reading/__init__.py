"""Reading what went over the wire into ``Call`` and ``Reply``. Runs on the worker thread; trusts nothing it reads."""
