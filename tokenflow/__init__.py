"""Access tokens, kept alive: declare in YAML how a token lives, and tokenflow keeps it so."""
