"""The guests, each by hand: codecs by published vectors, flows by `play`."""
