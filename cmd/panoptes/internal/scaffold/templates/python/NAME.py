"""Measures something of a resource. Each run executes this file anew."""
from panoptes import check, counter, gauge


@check
def {{.Name}}(ctx):
    # ctx.resource is what to look at: ctx.resource.endpoint, .id, .site, .metadata. ctx.config is the plugin file.
    ctx.log.info('looking at %s', ctx.resource.endpoint)
    previous = int(ctx.kv.get('requests:' + ctx.resource.id) or 0)
    requests = previous + 42
    ctx.kv.set('requests:' + ctx.resource.id, str(requests))
    yield gauge('used', 0.42, unit='1', mount='/')
    yield counter('requests', requests, mount='/')
