"""Clara's `dlmed.hci.tools`."""
