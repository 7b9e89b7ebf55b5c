"""Commands of the command line that need nothing but the plain install."""
