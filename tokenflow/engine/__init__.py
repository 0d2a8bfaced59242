"""What is done: answers what flows ask, against a store, a transport, a clock and secrets."""
