"""For all tests: properties are judged by what holds, never by how long an example took on a busy machine."""

from __future__ import annotations

from hypothesis import settings

# On top of what is loaded already: in CI that is hypothesis' own profile, which draws the same examples each time.
settings.register_profile("untimed", parent=settings.get_profile(settings.get_current_profile_name()), deadline=None)
settings.load_profile("untimed")
