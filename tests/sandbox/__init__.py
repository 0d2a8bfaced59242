"""The sandbox, mostly over real HTTP on loopback."""
