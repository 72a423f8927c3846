"""Enrichment that tells the generic SNMP polling plugin what to poll; see docs/panoptes/snmp.md section 3.1."""
from yahoo_panoptes.framework.enrichment import PanoptesEnrichmentGroup, PanoptesEnrichmentSchemaValidator


class PanoptesGenericSNMPMetricsEnrichmentSchemaValidator(PanoptesEnrichmentSchemaValidator):
    # The optional fields snmp and ignore_empty_dimensions are what the polling plugin understands besides.
    schema = {
        'enrichment_label': {
            'type': 'dict',
            'schema': {
                'oids': {'type': 'dict', 'required': True},
                'metrics_groups': {
                    'type': 'list',
                    'required': True,
                    'schema': {
                        'type': 'dict',
                        'schema': {
                            'group_name': {'type': 'string', 'required': True},
                            'dimensions': {'type': 'dict'},
                            'metrics': {'type': 'dict', 'required': True},
                            'ignore_empty_dimensions': {'type': 'boolean'},
                        },
                    },
                },
                'snmp': {'type': 'dict'},
            },
        },
    }


class PanoptesGenericSNMPMetricsEnrichmentGroup(PanoptesEnrichmentGroup):
    # Plugins may set another one, on the class.
    METRICS_SCHEMA_NAMESPACE = 'metrics'

    def __init__(self, enrichment_ttl: int, execute_frequency: int) -> None:
        super(PanoptesGenericSNMPMetricsEnrichmentGroup, self).__init__(
            namespace=self.METRICS_SCHEMA_NAMESPACE,
            schema_validator=PanoptesGenericSNMPMetricsEnrichmentSchemaValidator(),
            enrichment_ttl=enrichment_ttl, execute_frequency=execute_frequency)
