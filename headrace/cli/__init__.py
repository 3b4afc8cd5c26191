"""The command line. One file a command; `main` loads only the one that was called."""
