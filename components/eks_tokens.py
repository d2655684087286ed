"""GitLab as an identity provider of an EKS cluster."""

from dataclasses import dataclass

import pulumi

from components.admission.token_branch import PREFIX


@dataclass(frozen=True, kw_only=True)
class EksTokensArgs:
    """What it needs to know."""

    cluster: str
    issuer: str
    """Address of GitLab, which the control plane reaches."""
    audience: str


class EksTokens(pulumi.ComponentResource):
    """Has an EKS cluster take GitLab's ID tokens: users by the claim `sub`, groups by `project_path`.

    Type `branch-environments:base:EksTokens`. A cluster takes one provider beside IAM, and needs some minutes for it.
    Left out on purpose: rights. Who comes so has those that RBAC gives to its group.
    """

    provider: pulumi.Output[str]
    """ARN of the identity provider's config."""

    def __init__(self, name: str, args: EksTokensArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("branch-environments:base:EksTokens", name, None, opts)
        from pulumi_aws import eks

        made = eks.IdentityProviderConfig(
            f"{name}-provider",
            eks.IdentityProviderConfigArgs(
                cluster_name=args.cluster,
                oidc=eks.IdentityProviderConfigOidcArgs(
                    identity_provider_config_name="gitlab",
                    issuer_url=args.issuer,
                    client_id=args.audience,
                    username_claim="sub",
                    username_prefix=PREFIX,
                    groups_claim="project_path",
                    groups_prefix=PREFIX,
                ),
            ),
            pulumi.ResourceOptions(parent=self),
        )
        self.provider = made.arn
        self.register_outputs({"provider": self.provider})
