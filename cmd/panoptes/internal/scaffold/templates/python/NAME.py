"""Measures how fast a TCP port of a host answers. Each run executes this file anew."""
import socket
import time

from panoptes import check, counter, gauge


@check
def {{.Name}}(ctx):
    # ctx.resource is what to look at: .endpoint, .id, .site, .metadata. ctx.config is the plugin file, all of it text.
    port = ctx.config['main']['port']
    started = time.monotonic()
    try:
        socket.create_connection((ctx.resource.endpoint, int(port)), timeout=2).close()
        up = 1
    except (OSError, ValueError) as error:
        ctx.log.debug('port %s of %s: %s', port, ctx.resource.endpoint, error)
        up = 0
    yield gauge('up', up, port=port)
    yield gauge('answer_time', time.monotonic() - started, unit='s', port=port)
    # ctx.kv survives runs; global variables do not.
    tries = int(ctx.kv.get('tries:' + ctx.resource.id) or 0) + 1
    ctx.kv.set('tries:' + ctx.resource.id, str(tries))
    yield counter('tries', tries, port=port)
