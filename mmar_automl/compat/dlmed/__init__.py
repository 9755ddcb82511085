"""Clara's `dlmed`."""
