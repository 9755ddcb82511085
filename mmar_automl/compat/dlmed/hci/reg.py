"""Clara's `dlmed.hci.reg`: commands of one's own on the admin console."""

from mmar_automl.api import CommandModule, CommandModuleSpec, CommandSpec

__all__ = ["CommandModule", "CommandModuleSpec", "CommandSpec"]
