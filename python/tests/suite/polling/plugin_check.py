"""Written with the check function."""
from panoptes import check, counter, gauge


@check(every=60, resources='resource_class = "network"', rates=['packets'])
def firewall(ctx):
    for zone, packets in (('inside', 10), ('outside', 20)):
        yield counter('packets', packets, unit='{packet}', zone=zone)
        yield gauge('load', packets / 100, unit='1', zone=zone)
    ctx.log.info('polled %s', ctx.resource.endpoint)
