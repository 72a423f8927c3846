"""Stand-in for yapsy.IPlugin."""


class IPlugin(object):
    """Base class of plugins."""

    def __init__(self) -> None:
        self.is_activated = False

    def activate(self) -> None:
        self.is_activated = True

    def deactivate(self) -> None:
        self.is_activated = False
