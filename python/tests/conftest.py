"""The fixtures of the package come from its source here, as an installed one is not there."""
pytest_plugins = ['panoptes.pytest_plugin', 'pytester']
