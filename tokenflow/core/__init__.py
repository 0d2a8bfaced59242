"""What is true: values and decisions. No clock, file, socket, thread, pluggy or yaml lives here."""
