"""torchvision's networks, also where its compiled operators do not fit the installed torch (none of them is needed)."""
import sys

import torch


def torchvision_networks():
    """The module torchvision.models."""
    try:
        import torchvision.models as networks
        return networks
    except RuntimeError:
        # The import fails where shape rules are registered for compiled operators that are not there: leave the rules out.
        for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
            del sys.modules[name]
    register = torch.library.register_fake
    torch.library.register_fake = lambda *_, **__: lambda rule: rule
    try:
        import torchvision.models as networks
        return networks
    finally:
        torch.library.register_fake = register
