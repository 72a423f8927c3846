import no_such_module
from panoptes import check


@check
def imports(ctx):
    return None
