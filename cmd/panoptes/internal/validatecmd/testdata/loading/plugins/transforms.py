from panoptes import check, gauge


@check
def good(ctx):
    yield gauge("v", 1)
