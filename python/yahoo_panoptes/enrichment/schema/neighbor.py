"""Enrichment with the neighbours that a device sees."""
from yahoo_panoptes.framework.enrichment import PanoptesEnrichmentGroup, PanoptesEnrichmentSchemaValidator

NEIGHBOR_SCHEMA_NAMESPACE = 'neighbor'

_TEXTS = ('description', 'type', 'mac_address', 'link_state', 'admin_state', 'category', 'name')
_LISTS = ('ipv6_address', 'ipv4_address')
_DICTS = ('member_of_lag', 'member_of_svi', 'lag_members', 'ipv6_neighbor', 'ipv4_neighbor', 'l2_neighbor', 'vlans',
          'spanning_tree', 'svi_physical_members', 'sub_interfaces', 'primary_interface')


class PanoptesNeighborEnrichmentSchemaValidator(PanoptesEnrichmentSchemaValidator):
    schema = {
        'enrichment_label': {
            'type': 'dict',
            'schema': {
                'layer': {'type': 'integer', 'required': True},
                **{name: {'type': 'string', 'required': True} for name in _TEXTS},
                **{name: {'type': 'list', 'required': True} for name in _LISTS},
                **{name: {'type': 'dict', 'required': True} for name in _DICTS},
            },
        },
    }


class PanoptesNeighborEnrichmentGroup(PanoptesEnrichmentGroup):
    def __init__(self, enrichment_ttl: int, execute_frequency: int) -> None:
        super(PanoptesNeighborEnrichmentGroup, self).__init__(
            namespace=NEIGHBOR_SCHEMA_NAMESPACE, schema_validator=PanoptesNeighborEnrichmentSchemaValidator(),
            enrichment_ttl=enrichment_ttl, execute_frequency=execute_frequency)
