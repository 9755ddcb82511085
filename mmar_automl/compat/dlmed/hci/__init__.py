"""Clara's `dlmed.hci`."""
