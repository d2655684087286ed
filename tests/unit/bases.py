"""What a base stack has published, for tests that only read it."""

from core.contract import App, Base

APP = App(namespace="shop", domain="shop.localhost", service_account="shop", default_branch="main", reserved_slugs=())


def base(app: App = APP) -> Base:
    """Return the contract of `base-local`, with one app.

    Args:
        app: what it promises `shop`.
    """
    return Base(
        name="base-local",
        cluster="uid",
        platform="local",
        gateway="istio-system/gateway",
        gateway_selector="istio=ingressgateway",
        gateway_metrics=(),
        scheme="http",
        port=80,
        prices=None,
        apps={"shop": app},
    )
