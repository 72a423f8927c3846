"""Stand-in for yapsy.IPlugin."""


class IPlugin(object):
    """Base class of plugins."""

    def __init__(self):
        self.is_activated = False

    def activate(self):
        self.is_activated = True

    def deactivate(self):
        self.is_activated = False
