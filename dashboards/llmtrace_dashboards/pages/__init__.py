"""Pages: which panels, in which order. No SQL, no figures."""
