"""The core, held to its rules: properties first, examples after."""
