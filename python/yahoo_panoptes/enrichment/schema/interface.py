"""Enrichment of a device's interfaces; the key of each set is the interface's index."""
from yahoo_panoptes.framework.enrichment import PanoptesEnrichmentGroup, PanoptesEnrichmentSchemaValidator

INTERFACE_SCHEMA_NAMESPACE = 'interface'

_TEXTS = ('description', 'media_type', 'interface_name', 'alias', 'parent_interface_name',
          'parent_interface_media_type')
_SPEEDS = ('configured_speed', 'port_speed', 'parent_interface_configured_speed', 'parent_interface_port_speed')
_REMOTE = ('remote_device', 'remote_device_site', 'remote_device_function', 'remote_device_purpose',
           'physical_address')


class PanoptesInterfaceEnrichmentSchemaValidator(PanoptesEnrichmentSchemaValidator):
    schema = {
        'enrichment_label': {
            'type': 'dict',
            'schema': {
                **{name: {'type': 'string', 'required': True} for name in _TEXTS},
                **{name: {'type': 'integer', 'required': True} for name in _SPEEDS},
                **{name: {'type': 'string'} for name in _REMOTE},
            },
        },
    }


class PanoptesInterfaceEnrichmentGroup(PanoptesEnrichmentGroup):
    def __init__(self, enrichment_ttl: int, execute_frequency: int) -> None:
        super(PanoptesInterfaceEnrichmentGroup, self).__init__(
            namespace=INTERFACE_SCHEMA_NAMESPACE, schema_validator=PanoptesInterfaceEnrichmentSchemaValidator(),
            enrichment_ttl=enrichment_ttl, execute_frequency=execute_frequency)
