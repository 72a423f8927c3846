"""Enrichment that shows that enrichment works."""
from yahoo_panoptes.framework.enrichment import PanoptesEnrichmentGroup, PanoptesEnrichmentSchemaValidator

HEARTBEAT_SCHEMA_NAMESPACE = 'heartbeat_ns'


class PanoptesHeartbeatEnrichmentSchemaValidator(PanoptesEnrichmentSchemaValidator):
    schema = {
        'enrichment_label': {
            'type': 'dict',
            'schema': {'timestamp': {'type': 'float'}},
        },
    }


class PanoptesHeartbeatEnrichmentGroup(PanoptesEnrichmentGroup):
    def __init__(self, enrichment_ttl: int, execute_frequency: int) -> None:
        super(PanoptesHeartbeatEnrichmentGroup, self).__init__(
            namespace=HEARTBEAT_SCHEMA_NAMESPACE, schema_validator=PanoptesHeartbeatEnrichmentSchemaValidator(),
            enrichment_ttl=enrichment_ttl, execute_frequency=execute_frequency)
