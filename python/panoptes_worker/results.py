"""Turns what a plugin returned into what is sent."""
import json
import math

from yahoo_panoptes.framework.enrichment import PanoptesEnrichmentMultiGroupSet
from yahoo_panoptes.framework.metrics import PanoptesMetricsGroup
from yahoo_panoptes.framework.resources import PanoptesResource
from yahoo_panoptes.framework.values import plain_number, shown

from panoptes_worker import channel, logs

# Decimal digits of the longest integer that is sent. The host reads 320 characters, one of which may be the sign, and
# drops the whole group for a longer one.
_MAX_DIGITS = 319
_MAX_BITS = int(_MAX_DIGITS * math.log2(10))

NOT_FINITE = 'not_finite'
NOT_SERIALISABLE = 'not_serialisable'

# Things that were left out of a result, which are named one by one; of more only the number is said.
MAX_DROPPED = 1000


class Unusable(Exception):
    """Something cannot be said in JSON."""

    def __init__(self, reason, message):
        super().__init__(message)
        self.reason = reason


class Dropped:
    """What has to be left out of a result, each with its reason."""

    def __init__(self, found=()):
        """found has what the plugin itself left out."""
        self._told = []
        self._more = {}
        for item in found:
            self.add(item['reason'], item['message'], item.get('group'), item.get('metric'))

    def add(self, reason, message, group=None, metric=None):
        if len(self._told) >= MAX_DROPPED:
            self._more[reason] = self._more.get(reason, 0) + 1
            return
        item = {'reason': reason, 'message': logs.shorten(message, logs.MAX_DETAIL)}
        for name, value in (('group', group), ('metric', metric)):
            if value is not None:
                item[name] = logs.shorten(str(value), logs.MAX_NAME)
        self._told.append(item)

    def told(self):
        """A list of objects for the host."""
        return self._told + [{'reason': reason, 'count': count, 'message': '{} more were left out as {}'.format(count, reason)}
                             for reason, count in self._more.items()]


def snapshot(resource):
    """What the resource holds now, to tell later whether a plugin changed it."""
    data = dict(resource.raw)
    data['resource_metadata'] = dict(data['resource_metadata'])
    return data


def serialise(groups, resource, original, found=()):
    """The groups as JSON objects, and a list of what had to be left out, each with its reason; found has what the plugin
    itself left out.

    The resource of a group is left out if it says what original says, the snapshot of the run's resource. Groups come
    in a fixed order, so that the same result reads the same in every run.
    """
    sent, dropped = [], Dropped(found)
    resources = {id(resource): None if resource.raw == original else _Resource(resource)}
    for group in groups:
        if not isinstance(group, PanoptesMetricsGroup):
            dropped.add('not_a_group', 'the set holds an object of type {}'.format(type(group).__name__))
            continue
        try:
            sent.append(_group(group, resources, original, dropped))
        except Exception as e:
            if isinstance(e, Unusable):
                dropped.add(e.reason, str(e), _type_of(group))
            else:
                dropped.add(NOT_SERIALISABLE, '{}: {}'.format(type(e).__name__, e), _type_of(group))
    sent.sort(key=_order)
    return sent, dropped.told()


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
        timestamp = _number(timestamp, 'metrics_group_creation_timestamp')
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
        name = metric_data['metric_name']
        try:
            metrics.append(dict(metric_data, metric_value=_number(value, 'metric_value of "{}"'.format(name)),
                                metric_creation_timestamp=_number(timestamp, 'metric_creation_timestamp of "{}"'.format(name))))
        except Unusable as e:
            dropped.add(e.reason, str(e), data['metrics_group_type'], name)
    result['dimensions'] = [dimension._PanoptesMetricDimension__data for dimension in group.dimensions]
    return result


def _number(value, what):
    """The number that is sent; Unusable if it cannot be."""
    number = plain_number(value)
    if isinstance(number, float):
        if not math.isfinite(number):
            raise Unusable(NOT_FINITE, '{} is {}'.format(what, float.__repr__(number)))
    elif isinstance(number, int) and not isinstance(number, bool):
        if number.bit_length() > _MAX_BITS:
            raise Unusable(NOT_SERIALISABLE, '{} is an integer of more than {} digits'.format(what, _MAX_DIGITS))
    else:
        raise Unusable(NOT_SERIALISABLE, '{} is {}, which JSON has no number for; use int or float'.format(what, shown(value)))
    return number


def serialise_resources(resources):
    """The resources as JSON objects in a fixed order, and a list of what had to be left out."""
    sent, dropped = [], Dropped()
    for resource in resources:
        if not isinstance(resource, PanoptesResource):
            dropped.add('not_a_resource', 'the set holds an object of type {}'.format(type(resource).__name__))
            continue
        try:
            channel.encode(resource.raw)
        except (TypeError, ValueError, RecursionError) as e:
            dropped.add(NOT_SERIALISABLE, str(e), resource.resource_id)
        else:
            sent.append(resource.raw)
    sent.sort(key=lambda raw: [str(raw[key]) for key in ('resource_site', 'resource_class', 'resource_id')])
    return sent, dropped.told()


def enrichment_groups(returned):
    """Pairs of a resource and a group of what an enrichment plugin returned."""
    sets = [returned]
    if isinstance(returned, PanoptesEnrichmentMultiGroupSet):
        sets = list(returned.enrichment_group_sets)
    return [(group_set.resource, group) for group_set in sets for group in list(group_set.enrichment)]


def serialise_enrichment(pairs):
    """What the host is to keep, in a fixed order, and a list of what had to be left out."""
    sent, dropped = [], Dropped()
    for resource, group in pairs:
        try:
            value = json.loads(group.serialize())
            channel.encode(value)
            sent.append({'resource_id': resource.resource_id, 'namespace': group.namespace,
                         'ttl': int(group.enrichment_ttl), 'value': value})
        except Exception as e:
            dropped.add(NOT_SERIALISABLE, 'Failed to store enrichment info for resource id {} namespace {}: {!r}'.format(
                getattr(resource, 'resource_id', None), getattr(group, 'namespace', None), e), getattr(group, 'namespace', ''))
    sent.sort(key=lambda item: (item['resource_id'], item['namespace']))
    return sent, dropped.told()
