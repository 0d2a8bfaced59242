"""The kits for guests, held to what they promise."""
