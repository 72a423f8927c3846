"""Turns what a plugin returned into what is sent."""
import json
import math

from yahoo_panoptes.framework.enrichment import PanoptesEnrichmentMultiGroupSet
from yahoo_panoptes.framework.metrics import PanoptesMetricsGroup
from yahoo_panoptes.framework.resources import PanoptesResource

from panoptes_worker import channel

# Decimal digits of the longest integer that is sent (Python itself refuses to print much longer ones).
_MAX_DIGITS = 4000
_MAX_BITS = int(_MAX_DIGITS * math.log2(10))

NOT_FINITE = 'not_finite'
NOT_SERIALISABLE = 'not_serialisable'


class Unusable(Exception):
    """Something cannot be said in JSON."""

    def __init__(self, reason, message):
        super().__init__(message)
        self.reason = reason


def snapshot(resource):
    """What the resource holds now, to tell later whether a plugin changed it."""
    data = dict(resource.raw)
    data['resource_metadata'] = dict(data['resource_metadata'])
    return data


def serialise(groups, resource, original):
    """The groups as JSON objects, and a list of what had to be left out, each with its reason.

    The resource of a group is left out if it says what original says, the snapshot of the run's resource. Groups come
    in a fixed order, so that the same result reads the same in every run.
    """
    sent, dropped = [], []
    resources = {id(resource): None if resource.raw == original else _Resource(resource)}
    for group in groups:
        if not isinstance(group, PanoptesMetricsGroup):
            dropped.append({'reason': 'not_a_group',
                            'message': 'the set holds an object of type {}'.format(type(group).__name__)})
            continue
        try:
            sent.append(_group(group, resources, original, dropped))
        except Exception as e:
            reason = e.reason if isinstance(e, Unusable) else NOT_SERIALISABLE
            message = str(e) if isinstance(e, Unusable) else '{}: {}'.format(type(e).__name__, e)
            dropped.append({'group': _type_of(group), 'reason': reason, 'message': message})
    sent.sort(key=_order)
    return sent, dropped


def _order(group):
    return (group['metrics_group_type'], [tuple(dimension.values()) for dimension in group['dimensions']],
            group['metrics_group_interval'])


def _type_of(group):
    try:
        return str(group.group_type)
    except Exception:
        return ''


class _Resource:
    """A resource other than the run's, checked once."""

    def __init__(self, resource):
        self.data = resource.raw
        try:
            channel.encode(self.data)
        except (TypeError, ValueError) as e:
            self.error = Unusable(NOT_SERIALISABLE, 'resource: {}'.format(e))
        else:
            self.error = None


def _group(group, resources, original, dropped):
    data = group._PanoptesMetricsGroup__data
    timestamp = data['metrics_group_creation_timestamp']
    if not isinstance(timestamp, str):
        _check_number(timestamp, 'metrics_group_creation_timestamp')
    result = {
        'metrics_group_type': data['metrics_group_type'],
        'metrics_group_interval': data['metrics_group_interval'],
        'metrics_group_creation_timestamp': timestamp,
        'metrics_group_schema_version': data['metrics_group_schema_version'],
    }
    of = data['resource']
    known = resources.get(id(of), of)
    if known is of:
        known = resources[id(of)] = None if of.raw == original else _Resource(of)
    if known is not None:
        if known.error is not None:
            raise known.error
        result['resource'] = known.data
    metrics = result['metrics'] = []
    for metric in group.metrics:
        metric_data = metric._PanoptesMetric__data
        value = metric_data['metric_value']
        timestamp = metric_data['metric_creation_timestamp']
        # Nearly all of them: exactly float or a small int.
        if (type(value) is float and value - value == 0 or type(value) is int and -1 << 63 <= value < 1 << 64) and (
                type(timestamp) is float and timestamp - timestamp == 0):
            metrics.append(metric_data)
            continue
        try:
            _check_number(value, 'metric_value')
            _check_number(timestamp, 'metric_creation_timestamp')
        except Unusable as e:
            dropped.append({'group': data['metrics_group_type'], 'metric': metric_data['metric_name'],
                            'reason': e.reason, 'message': str(e)})
        else:
            metrics.append(metric_data)
    result['dimensions'] = [dimension._PanoptesMetricDimension__data for dimension in group.dimensions]
    return result


def _check_number(value, what):
    if isinstance(value, float):
        if not math.isfinite(value):
            raise Unusable(NOT_FINITE, '{} is {}'.format(what, float.__repr__(value)))
    elif isinstance(value, int) and not isinstance(value, bool):
        if value.bit_length() > _MAX_BITS:
            raise Unusable(NOT_SERIALISABLE, '{} is an integer of more than {} digits'.format(what, _MAX_DIGITS))
    else:
        raise Unusable(NOT_SERIALISABLE, '{} is of type {}, which JSON has no number for; use int or float'.format(
            what, type(value).__name__))


def serialise_resources(resources):
    """The resources as JSON objects in a fixed order, and a list of what had to be left out."""
    sent, dropped = [], []
    for resource in resources:
        if not isinstance(resource, PanoptesResource):
            dropped.append({'reason': 'not_a_resource',
                            'message': 'the set holds an object of type {}'.format(type(resource).__name__)})
            continue
        try:
            channel.encode(resource.raw)
        except (TypeError, ValueError, RecursionError) as e:
            dropped.append({'group': str(resource.resource_id), 'reason': NOT_SERIALISABLE, 'message': str(e)})
        else:
            sent.append(resource.raw)
    sent.sort(key=lambda raw: [str(raw[key]) for key in ('resource_site', 'resource_class', 'resource_id')])
    return sent, dropped


def enrichment_groups(returned):
    """Pairs of a resource and a group of what an enrichment plugin returned."""
    sets = [returned]
    if isinstance(returned, PanoptesEnrichmentMultiGroupSet):
        sets = list(returned.enrichment_group_sets)
    return [(group_set.resource, group) for group_set in sets for group in list(group_set.enrichment)]


def serialise_enrichment(pairs):
    """What the host is to keep, in a fixed order, and a list of what had to be left out."""
    sent, dropped = [], []
    for resource, group in pairs:
        try:
            value = json.loads(group.serialize())
            channel.encode(value)
            sent.append({'resource_id': resource.resource_id, 'namespace': group.namespace,
                         'ttl': int(group.enrichment_ttl), 'value': value})
        except Exception as e:
            dropped.append({'group': str(getattr(group, 'namespace', '')), 'reason': NOT_SERIALISABLE,
                            'message': 'Failed to store enrichment info for resource id {} namespace {}: {!r}'.format(
                                getattr(resource, 'resource_id', None), getattr(group, 'namespace', None), e)})
    sent.sort(key=lambda item: (item['resource_id'], item['namespace']))
    return sent, dropped
