from panoptes import check, gauge


@check(every=60)
def keeps(ctx):
    ctx.kv.set('seen', '1')
    yield gauge('seen', 1)
